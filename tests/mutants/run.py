#!/usr/bin/env python3
"""Do the tests of the core see what they are there to see? Puts the faults of faults.toml into a copy, one at a time.

    tests/mutants/run.py              all faults
    tests/mutants/run.py NAME...      these faults
    tests/mutants/run.py --check      only whether every fault's old text stands exactly once in its file

Each fault is first shown to the simulator, the mixed scenario under 200 seeds, whose lowest failing seed tells how many it
took. What that does not see is shown to the laws, models and unit tests of the fault's own folder. Exit status 1 when a
fault survives both, 2 when the list is out of date or the code fails without any fault.
"""

import argparse
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIST = pathlib.Path(__file__).resolve().parent / "faults.toml"
PLACE = ROOT / "target/mutants"
COPY = PLACE / "copy"
SEEDS = 200
BUILD_SECONDS = 900
SIMULATOR_SECONDS = 180
TESTS_SECONDS = 300
# A fault may make a machine allocate for ever.
MEMORY_BYTES = 6 << 30
SIMULATOR = ["test", "-p", "zrpc-sim", "--no-default-features", "--test", "mixed"]
TESTS = ["test", "-p", "zrpc-core", "--lib"]
FAILING_SEED = re.compile(r"replay it with ZRPC_SIM_SEED=(\d+)")
FAILED_TEST = re.compile(r"^test (\S+) \.\.\. FAILED$", re.MULTILINE)


def wrong(text):
    print(text, file=sys.stderr)
    sys.exit(2)


def replaced(fault, source):
    """The source with the fault in it."""
    count = source.count(fault["old"])
    if count != 1:
        wrong(f"{fault['name']}: its old text stands {count} times in {fault['file']}, and must once: bring faults.toml up to date")
    return source.replace(fault["old"], fault["new"])


def faults(names):
    listed = tomllib.loads(LIST.read_text())["fault"]
    unknown = set(names) - {fault["name"] for fault in listed}
    if unknown:
        wrong(f"no such faults: {', '.join(sorted(unknown))}")
    for fault in listed:
        replaced(fault, (ROOT / fault["file"]).read_text())
    return [fault for fault in listed if not names or fault["name"] in names]


def copy_workspace():
    """The files that git knows, as they are now. What has not changed keeps its time, so that it is not built again."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    wanted = {name for name in listed if name and (ROOT / name).is_file()}
    for name in wanted:
        source, target = ROOT / name, COPY / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for path in [path for path in COPY.rglob("*") if path.is_file()]:
        if str(path.relative_to(COPY)) not in wanted:
            path.unlink()


def cargo(arguments, seconds):
    """Runs cargo in the copy: its exit status, or None when it took too long, and what it printed."""
    environment = dict(
        os.environ,
        # One line changes at a time.
        CARGO_INCREMENTAL="1",
        CARGO_PROFILE_DEV_DEBUG="0",
        CARGO_TARGET_DIR=os.environ.get("CARGO_TARGET_DIR", str(PLACE / "target")),
        CARGO_TERM_COLOR="never",
        RUST_BACKTRACE="0",
        ZRPC_SIM_SEEDS=str(SEEDS),
    )
    limit = None
    if "--no-run" not in arguments:
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with open(PLACE / "output", "w+b") as output:
        run = subprocess.Popen(
            ["cargo", *arguments],
            cwd=COPY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
            start_new_session=True,
        )
        try:
            status = run.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
        output.seek(0)
        return status, output.read().decode(errors="replace")


def build(arguments, what):
    status, output = cargo([*arguments, "--no-run"], BUILD_SECONDS)
    if status != 0:
        wrong(f"{output[-4000:]}\n{what} does not compile")


def shown_to_simulator(what):
    """Who caught it, and in how many seeds; None when nobody did."""
    build(SIMULATOR, what)
    status, output = cargo([*SIMULATOR, "--", "mixed"], SIMULATOR_SECONDS)
    if status == 0:
        return None
    if status is None:
        return "simulator, which did not end", "-"
    seed = FAILING_SEED.search(output)
    if not seed:
        return "simulator, which broke down", "-"
    return "simulator", str(int(seed.group(1)) + 1)


def shown_to_tests(folders, what):
    """Who caught it; None when nobody did."""
    build(TESTS, what)
    status, output = cargo([*TESTS, "--", *folders], TESTS_SECONDS)
    if status == 0:
        return None
    tests = f"tests of {' and '.join(folders)}"
    if status is None:
        return f"{tests}, which did not end"
    failed = FAILED_TEST.findall(output)
    if not failed:
        return f"{tests}, which broke down"
    failed.sort(key=lambda name: ("law" not in name, "trial" not in name, name))
    others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"`{failed[0]}`{others}"


def folders_of(fault):
    """Where the tests of a file are: in its folder of the core, and those of calls where calls meet a carrier."""
    folder = pathlib.Path(fault["file"]).parts[2]
    return ("rpc::", "stack::") if folder == "rpc" else (f"{folder}::",)


class Planted:
    """A fault in the copy, for as long as it is looked for."""

    def __init__(self, fault):
        self.path = COPY / fault["file"]
        self.fault = fault

    def __enter__(self):
        self.sound = self.path.read_text()
        self.path.write_text(replaced(self.fault, self.sound))

    def __exit__(self, *_):
        self.path.write_text(self.sound)


def search(chosen):
    """Shows all faults to the simulator, and then those that are left to the tests."""
    found = {}
    if shown_to_simulator("the code without a fault"):
        wrong("the simulator fails without a fault")
    for fault in chosen:
        started = time.monotonic()
        with Planted(fault):
            caught = shown_to_simulator(fault["name"])
        found[fault["name"]] = caught, time.monotonic() - started
        report(fault, *found[fault["name"]])
    left = [fault for fault in chosen if not found[fault["name"]][0]]
    for folders in sorted({folders_of(fault) for fault in left}):
        if shown_to_tests(folders, "the code without a fault"):
            wrong(f"the tests of {' and '.join(folders)} fail without a fault")
    for fault in left:
        started = time.monotonic()
        with Planted(fault):
            test = shown_to_tests(folders_of(fault), fault["name"])
        caught = (test, f"none of {SEEDS}") if test else None
        found[fault["name"]] = caught, found[fault["name"]][1] + time.monotonic() - started
        report(fault, *found[fault["name"]])
    return found


def report(fault, caught, seconds):
    who, seeds = caught or ("not yet", "-")
    print(f"{fault['name']}: {who}, seeds {seeds}, {seconds:.0f} s", file=sys.stderr, flush=True)


def table(chosen, found):
    yield "| fault | where | caught by | seeds | seconds |"
    yield "|---|---|---|---|---|"
    for fault in chosen:
        caught, seconds = found[fault["name"]]
        who, seeds = caught or ("**nobody**", "-")
        where = fault["file"].removeprefix("proto-core/src/")
        yield f"| {fault['what']} | `{where}` | {who} | {seeds} | {seconds:.0f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true", help="only check that the list fits the code")
    arguments = parser.parse_args()
    # Whoever stops the script stops what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    chosen = faults(arguments.names)
    if arguments.check:
        print(f"{len(chosen)} faults fit the code")
        return 0
    COPY.mkdir(parents=True, exist_ok=True)
    copy_workspace()
    found = search(chosen)
    caught = sum(1 for result, _ in found.values() if result)
    print("\n".join(table(chosen, found)))
    print(f"\n{caught} of {len(chosen)} caught")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
