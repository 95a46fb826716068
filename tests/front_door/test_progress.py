"""Without a terminal progress is a plain line every few seconds."""

from grokflow.progress import bar, plain_lines


def test_a_line_every_few_seconds_at_most():
    now, lines = [0.0], []
    show = plain_lines(lines.append, lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        show("claims", second / 10, f"claim {second} is supported")
    assert lines == ["claims: 50 %, claim 5 is supported", "claims: 100 %, claim 10 is supported"]


def test_nothing_is_said_of_what_is_quick(capsys):
    with bar() as show:
        show("scan", 0.5)
        show("scan", 1.0)
    assert capsys.readouterr() == ("", "")
