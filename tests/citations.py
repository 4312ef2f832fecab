#!/usr/bin/env python3
"""Which MUSTs of the RFCs in tests/citations are cited where they are implemented and where they are tested?

    tests/citations.py              lists those that are not, and how many
    tests/citations.py --all        lists every one, with a place of each citation
    tests/citations.py --missing N  fails only if more than N are not: the ratchet

A citation is a comment or table row that says `RFC 9113 §6.5.2: ...`, or a test named `rfc9113_6_5_2_...`. What counts as
its text is the row, or the rest of the comment and the line of code below it, or the test's name. The MUSTs stand in
tests/citations/, each with the words by which a citation of its section is known to mean it.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ["proto-core/src", "proto-core/tests", "io-tokio/src", "io-std/src", "tests"]
CITATION = re.compile(r"RFC ?(\d{4})((?:,? (?:and |to )?§[0-9.]*[0-9])+)")
SECTION = re.compile(r"§([0-9.]*[0-9])")
TEST_NAME = re.compile(r"\bfn rfc(\d{4})((?:_\d+)+)_(\w+)")


def plain(text):
    """Lower case, with everything that only joins words taken out, so that words compare."""
    return " " + re.sub(r"[^a-z0-9^*]+", " ", text.lower()) + " "


class Requirement:
    def __init__(self, rfc, line):
        self.rfc = rfc
        self.section, words, self.text = (part.strip() for part in line.split("|"))
        self.why_not = words[1:].strip() if words.startswith("-") else None
        self.alternatives = [plain(words).split() for words in words.split("/")]
        self.places = {"implemented": [], "tested": []}

    def is_meant_by(self, text):
        text = plain(text)
        # A word may go on, as in decod-ing, but it begins where a word begins; digits stand alone.
        is_said = lambda word: f" {word} " in text if word.isdigit() else f" {word}" in text
        return any(words == ["*"] or all(map(is_said, words)) for words in self.alternatives)

    def is_cited(self):
        return all(self.places.values())

    def __str__(self):
        return f"RFC {self.rfc} §{self.section}: {self.text}"


def requirements():
    for path in sorted((ROOT / "tests/citations").glob("rfc*.txt")):
        for line in path.read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                yield Requirement(path.stem[3:], line)


def citations(lines):
    """The citations of a file: line number, RFC, section, and what is said there. What a file opens with cites nothing: it
    says what the file is about, not which line keeps which rule."""
    for number, line in enumerate(lines):
        if line.startswith("//!"):
            continue
        for match in CITATION.finditer(line):
            text = comment_from(lines, number) if line.lstrip().startswith("//") else line
            for section in SECTION.findall(match.group(2)):
                yield number, match.group(1), section, text
        for rfc, sections, name in TEST_NAME.findall(line):
            yield number, rfc, sections.strip("_").replace("_", "."), name


def comment_from(lines, number):
    """The rest of a comment from this line on, up to its next citation, and the line of code below it."""
    text = [lines[number]]
    for line in lines[number + 1 :]:
        if CITATION.search(line):
            break
        text.append(line)
        if not line.lstrip().startswith("//"):
            break
    return " ".join(text)


def read_sources(wanted):
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.rs")):
            name = str(path.relative_to(ROOT))
            lines = path.read_text().splitlines()
            is_test_file = "/tests/" in f"/{name}" or name.endswith("/tests.rs")
            tests_at = 0 if is_test_file else next((n for n, line in enumerate(lines) if line == "mod tests {"), len(lines))
            for number, rfc, section, text in citations(lines):
                kind = "tested" if number >= tests_at else "implemented"
                for requirement in wanted.get((rfc, section), []):
                    if requirement.is_meant_by(text):
                        requirement.places[kind].append(f"{name}:{number + 1}")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--all", action="store_true", help="list every MUST with a place of each citation")
    options.add_argument("--missing", type=int, default=0, metavar="N", help="how many may be missing")
    options = options.parse_args()

    everything = list(requirements())
    ours = [requirement for requirement in everything if requirement.why_not is None]
    wanted = {}
    for requirement in ours:
        wanted.setdefault((requirement.rfc, requirement.section), []).append(requirement)
    read_sources(wanted)

    for requirement in everything if options.all else ours:
        if requirement.why_not is not None:
            print(f"  not ours     {requirement} ({requirement.why_not})")
        elif options.all or not requirement.is_cited():
            missing = " and ".join(f"not {kind}" for kind, places in requirement.places.items() if not places)
            places = ", ".join(places[0] for places in requirement.places.values() if places)
            print(f"  {missing or 'cited':<12} {requirement}{f' ({places})' if places else ''}")

    missing = sum(not requirement.is_cited() for requirement in ours)
    for rfc in sorted({requirement.rfc for requirement in ours}):
        of_rfc = [requirement for requirement in ours if requirement.rfc == rfc]
        count = lambda kind: sum(bool(requirement.places[kind]) for requirement in of_rfc)
        print(f"RFC {rfc}: {len(of_rfc)} MUSTs, {count('implemented')} cited where implemented, {count('tested')} where tested")
    print(f"{len(everything) - len(ours)} are not ours to keep; --all says why")
    print(f"{len(ours) - missing} of {len(ours)} cited at both places, {missing} not")
    return missing > options.missing


if __name__ == "__main__":
    sys.exit(main())
