"""Run every claim: ``python -m grokutil.claims``."""

from grokutil.claims import LEDGER


def main() -> None:
    """Run every claim and print its verdict; exit with an error if one differs from what the book reports."""
    surprises = 0
    for claim in LEDGER:
        verdict = claim.check()
        surprises += verdict.outcome != claim.expected
        mark = "" if verdict.outcome == claim.expected else f"   EXPECTED: {claim.expected}"
        print(f"{claim.id:<24}{verdict.outcome:<26}{verdict.measured:<12.2e}{verdict.seconds:6.1f} s{mark}", flush=True)
    if surprises:
        raise SystemExit(f"{surprises} of {len(LEDGER)} claims differ from what the book reports")


if __name__ == "__main__":
    main()
