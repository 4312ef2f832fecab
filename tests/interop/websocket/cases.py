"""What the programs on Python's websockets share: cases in order, and a line for each that says what failed."""

CASES = []


class Failure(Exception):
    """A case that does not hold."""


def case(function):
    """Adds a case, an async function."""
    CASES.append(function)
    return function


def check(actual, expected):
    if actual != expected:
        raise Failure(f"{str(actual)[:200]!r} came; {str(expected)[:200]!r} was expected")


async def run_cases(subject):
    """Runs all cases on `subject`; answers how many failed."""
    failed = 0
    for function in CASES:
        try:
            await function(subject)
            print(f"ok {function.__name__}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED {function.__name__}: {type(error).__name__}: {error}", flush=True)
    print(f"{len(CASES) - failed} passed, {failed} failed", flush=True)
    return failed
