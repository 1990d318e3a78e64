"""Catalogues are read as gettext writes them, and a mistake is told with its file and line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.words import PoError
from records.words.po import read

HEAD = 'msgid ""\nmsgstr "Language: xx\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
RUSSIAN = (
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 &&"
    " (n%100<10 || n%100>=20) ? 1 : 2);"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "xx.po"


def test_texts_run_over_several_lines_and_have_escapes(file: Path) -> None:
    file.write_text(
        f'{HEAD}# said at the door\nmsgid "a.b"\nmsgstr ""\n"say \\"yes\\"\\n"\n"\\\\o/"\n'
    )
    found = read(file)
    assert found.sentences == {"a.b": ('say "yes"\n\\o/',)}
    assert found.headers["Language"] == "xx"


def test_what_is_not_translated_yet_is_left_out(file: Path) -> None:
    plural = 'msgid "c"\nmsgid_plural "c"\nmsgstr[0] "one"\nmsgstr[1] ""\n'
    file.write_text(f'{HEAD}msgid "a"\nmsgstr ""\n\n{plural}\nmsgid "d"\nmsgstr "D"\n')
    assert read(file).sentences == {"d": ("D",)}


@pytest.mark.parametrize(("number", "form"), [(1, 0), (2, 1), (5, 2), (11, 2), (21, 0), (104, 1)])
def test_numbers_take_the_form_that_the_language_says(file: Path, number: int, form: int) -> None:
    file.write_text(f'msgid ""\nmsgstr "Plural-Forms: {RUSSIAN}\\n"\n')
    assert read(file).form_of(number) == form


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (f'{HEAD}msgid "a"\nmsgstr "1"\n\nmsgid "a"\nmsgstr "2"\n', "a is there twice"),
        (f'{HEAD}#, fuzzy\nmsgid "a"\nmsgstr "1"\n', r"xx\.po:5: a fuzzy entry"),
        (f'{HEAD}msgid "a"\nmsgstr 1\n', r"xx\.po:6: no comment, keyword or text in quotes"),
        (f"{HEAD}what is this\n", r"xx\.po:5: no comment, keyword or text in quotes"),
        ('"lost"\n', r"xx\.po:1: no comment, keyword or text in quotes"),
        ('msgstr "1"\n', r"xx\.po:1: msgstr before msgid"),
        ('msgid ""\nmsgstr "Language: xx\\n"\n', "Plural-Forms '' is not as gettext writes it"),
        ('msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=n**2;\\n"\n', "Plural-Forms: "),
    ],
)
def test_a_mistake_is_told_with_its_file(file: Path, content: str, complaint: str) -> None:
    file.write_text(content)
    with pytest.raises(PoError, match=complaint):
        read(file)


def test_bytes_that_are_no_text_are_told(file: Path) -> None:
    file.write_bytes(b'msgid "\xfc"\n')
    with pytest.raises(PoError, match="not UTF-8"):
        read(file)


@given(st.text())
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.po"
    path.write_bytes(text.encode(errors="surrogatepass"))
    complaint = ""
    try:
        read(path)
    except PoError as error:
        complaint = str(error)
    assert not complaint or complaint.startswith(str(path))
