"""Every figure that can be measured is in the table of figures, with the command that prints it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_benchmark_is_in_the_table():
    table = (ROOT / "docs" / "benchmarks.md").read_text()
    commands = [path.stem for path in (ROOT / "bench").glob("*.py") if 'if __name__ == "__main__":' in path.read_text()]
    assert sorted(name for name in commands if f"`python -m bench.{name}`" not in table) == []
