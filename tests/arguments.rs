//! The command lines of the programs that meet peers: `--name value` or `--name=value`, as the official suites write
//! them.

/// Which driver a program runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Driver {
    /// `zrpc::tokio`.
    Tokio,
    /// `zrpc::blocking`.
    Blocking,
}

/// The arguments of a program.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    pairs: Vec<(String, String)>,
    rest: Vec<String>,
}

impl Arguments {
    /// Those of this process.
    #[must_use]
    pub fn from_process() -> Arguments {
        Arguments::parse(std::env::args().skip(1))
    }

    /// Reads arguments, the program's name not among them.
    #[must_use]
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Arguments {
        let mut parsed = Arguments::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(name) = argument.strip_prefix("--") else {
                parsed.rest.push(argument);
                continue;
            };
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (name.to_owned(), arguments.next().unwrap_or_default()),
            };
            parsed.pairs.push((name, value));
        }
        parsed
    }

    /// The value of `--name`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What stands without a name.
    #[must_use]
    pub fn rest(&self) -> &[String] {
        &self.rest
    }

    /// The value of `--driver`; ends the process with a word when it is none.
    #[must_use]
    pub fn driver(&self) -> Driver {
        match self.value("driver") {
            Some("tokio") => Driver::Tokio,
            Some("blocking") => Driver::Blocking,
            other => {
                eprintln!("--driver is {}; say `tokio` or `blocking`", other.unwrap_or("missing"));
                std::process::exit(2);
            }
        }
    }
}

/// Ends the process once its standard input does: servers end with the script that started them.
pub fn exit_with_input() {
    std::thread::spawn(|| {
        let mut input = std::io::stdin().lock();
        // An input that cannot be read has ended too.
        let _ = std::io::copy(&mut input, &mut std::io::sink());
        std::process::exit(0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_a_value_are_read_and_the_rest_is_kept() {
        let words = ["--driver", "tokio", "--server_port=80", "http://localhost/"].map(String::from);
        let arguments = Arguments::parse(words);
        assert_eq!(arguments.driver(), Driver::Tokio);
        assert_eq!(arguments.value("server_port"), Some("80"));
        assert_eq!(arguments.value("absent"), None);
        assert_eq!(arguments.rest(), ["http://localhost/"]);
    }
}
