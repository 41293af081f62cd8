"""Text in the encodings that old files are in: it is read, and said to be a guess."""

from pathlib import Path

import pytest

from tests.documents.test_extract import read, refusal

FRENCH = (
    "L'été dernier, j'ai visité le musée d'Orsay à Paris. C'était très intéressant, même si la "
    "file d'attente était longue. Ça m'a rappelé mon séjour à Noël : où êtes-vous allés ?"
)
PORTUGUESE = (
    "A organização não tem condições de pagar a multa. Amanhã vão à reunião. Os alunos põem os "
    "livros na estante."
)
GERMAN = (
    "Die Straße führt über die Brücke nach Köln. Größere Mengen müssen beim Büro angemeldet "
    "werden. Die Gebühr beträgt fünf Euro."
)
SPANISH = "El año pasado la compañía abrió una oficina. ¿Dónde está el señor Muñoz? Él está aquí."
ITALIAN = (
    "La città è più bella di quanto pensassi. Perché non vieni anche tu? Domani sarà un'altra "
    "giornata, però farà freddo."
)
POLISH = (
    "Wczoraj wieczorem poszliśmy do kina, żeby obejrzeć nowy film. Później zjedliśmy kolację. "
    "Książka leży na stole."
)
CZECH = (
    "Včera večer jsme šli do kina, abychom viděli nový film. Lístky byly drahé, ale stálo to za "
    "to. Příští týden pojedeme k moři."
)
RUSSIAN = (
    "Это русский текст. Контора открывается в девять часов утра. Собаки допускаются только по "
    "пятницам. Отпуск тридцать дней."
)
GREEK = (
    "Χθες το βράδυ πήγαμε στον κινηματογράφο για να δούμε τη νέα ταινία. Τα εισιτήρια ήταν "
    "ακριβά, αλλά άξιζε τον κόπο."
)
TURKISH = (
    "Dün akşam yeni filmi görmek için sinemaya gittik. Biletler pahalıydı ama değdi. Gelecek "
    "hafta İstanbul'a gideceğiz."
)
HEBREW = "אתמול בערב הלכנו לקולנוע כדי לראות את הסרט החדש. הכרטיסים היו יקרים, אבל זה היה שווה."
ARABIC = "ذهبنا مساء أمس إلى السينما لمشاهدة الفيلم الجديد. كانت التذاكر غالية، لكن الأمر يستحق."
JAPANESE = (
    "昨日の夜、新しい映画を見るために映画館へ行きました。チケットは高かったですが、"
    "それだけの価値がありました。"
)
CHINESE = "昨天晚上我们去电影院看了新电影。票很贵，但是很值得。下个星期我们打算去海边旅行。"
TAIWANESE = "昨天晚上我們去電影院看了新電影。票很貴，但是很值得。下個星期我們打算去海邊旅行。"
KOREAN = (
    "어제 저녁에 우리는 새 영화를 보러 극장에 갔습니다. 표는 비쌌지만 그만한 가치가 있었습니다."
)

TEXTS = [
    *((text, "cp1252", "Windows-1252") for text in (FRENCH, PORTUGUESE, GERMAN, SPANISH, ITALIAN)),
    *((text, "cp1250", "Windows-1250") for text in (POLISH, CZECH)),
    *((text, "iso8859_2", "ISO-8859-2") for text in (POLISH, CZECH)),
    (FRENCH, "mac_roman", "Mac OS Roman"),
    (FRENCH, "cp850", "the MS-DOS code page 850"),
    (RUSSIAN, "cp1251", "Windows-1251"),
    (RUSSIAN, "koi8_r", "KOI8-R"),
    (RUSSIAN, "cp866", "the MS-DOS code page 866"),
    (GREEK, "cp1253", "Windows-1253"),
    (TURKISH, "cp1254", "Windows-1254"),
    (HEBREW, "cp1255", "Windows-1255"),
    (ARABIC, "cp1256", "Windows-1256"),
    (JAPANESE, "shift_jis", "Shift-JIS"),
    (JAPANESE, "euc_jp", "EUC-JP"),
    (JAPANESE, "iso2022_jp", "ISO-2022-JP"),
    (CHINESE, "gbk", "GB18030"),
    (CHINESE, "gb18030", "GB18030"),
    (TAIWANESE, "big5", "Big5"),
    (KOREAN, "euc_kr", "EUC-KR"),
    *(
        (text, encoding, "UTF-16")
        for encoding in ("utf_16_le", "utf_16_be")
        for text in (GERMAN, POLISH, RUSSIAN, GREEK, HEBREW, ARABIC, KOREAN)
    ),
]
SHORT = [
    ("Grüße", "cp1252"),
    ("Café", "cp1252"),
    ("Der Preis beträgt 5 €.", "cp1252"),
    ("“Naïve”, they said – and left.", "cp1252"),
    ("Je vais à Paris.", "cp1252"),
    ("20 °C ± 0.5, and 3 × 4 m² for £5", "cp1252"),
    ("Copyright © 2020 Acme", "cp1252"),
    ("The wire is 5 µm thick.", "cp1252"),
    ("Zażółć gęślą jaźń.", "cp1250"),
    ("Привет, как дела?", "cp1251"),
    ("Привет, как дела?", "koi8_r"),
    ("日本語のテキストです。", "shift_jis"),
    ("日本語のテキストです。", "euc_jp"),
    ("你好，世界。", "gb18030"),
    ("שלום עולם", "cp1255"),
    ("مرحبا بالعالم", "cp1256"),
    ("안녕하세요 세계", "euc_kr"),
    ("Hello, world.", "utf_16_le"),
]


@pytest.mark.parametrize(("text", "encoding", "name"), TEXTS)
def test_a_few_sentences_are_read_in_their_encoding(
    tmp_path: Path, text: str, encoding: str, name: str
) -> None:
    found = read(tmp_path, "a.txt", text.encode(encoding))
    assert found.pages == [text]
    assert found.notes == [f"It was read as {name}, which is a guess."]


@pytest.mark.parametrize(("text", "encoding"), SHORT)
def test_a_line_is_read_in_its_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    assert read(tmp_path, "a.txt", text.encode(encoding)).pages == [text]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_an_encoding_that_shows_is_no_guess(tmp_path: Path, encoding: str) -> None:
    found = read(tmp_path, "a.txt", FRENCH.encode(encoding))
    assert (found.pages, found.notes) == ([FRENCH], [])


def test_letters_that_come_late_are_read_in_their_encoding(tmp_path: Path) -> None:
    text = "A line of plain words.\n" * 50_000 + PORTUGUESE
    assert read(tmp_path, "a.txt", text.encode("cp1252")).pages[-1].endswith(PORTUGUESE)


@pytest.mark.parametrize("encoding", ["cp1252", "utf_16_be"])
def test_a_table_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    found = read(tmp_path, "a.csv", "Name;Ort\nMüller;Köln\n".encode(encoding))
    assert found.pages == ["| Name | Ort |\n| --- | --- |\n| Müller | Köln |"]


@pytest.mark.parametrize(("text", "encoding"), [(PORTUGUESE, "iso8859_1"), (POLISH, "iso8859_2")])
def test_a_page_of_the_web_is_read_in_the_encoding_that_it_declares(
    tmp_path: Path, text: str, encoding: str
) -> None:
    for declared in (f"<meta charset={encoding.replace('_', '-')}>", ""):
        page = f"<html><head>{declared}</head><body><p>{text}</p></body></html>"
        found = read(tmp_path, "a.html", page.encode(encoding))
        assert found.pages[0].strip() == text
        assert bool(found.notes) is not bool(declared)


def test_a_message_that_does_not_say_its_encoding_is_read(tmp_path: Path) -> None:
    head = b"From: ann@example.com\nTo: bob@example.com\nSubject: Hello\nDate: today\n\n"
    assert RUSSIAN in read(tmp_path, "a.eml", head + RUSSIAN.encode("koi8_r")).pages[0]


def test_a_text_with_null_bytes_is_said_to_hold_them(tmp_path: Path) -> None:
    words = refusal(tmp_path, "odd.txt", b"abc\0def null bytes \xff\xfe in here")
    assert "its content is no text: it holds null bytes." in words
    assert "can be read" not in words


def test_zeros_are_called_zeros(tmp_path: Path) -> None:
    words = refusal(tmp_path, "zeros.txt", bytes(50 * 1024**2))
    assert words == (
        "The file is named .txt but its content is nothing but zeros. "
        "It may not have been copied to its end."
    )


def test_a_text_that_is_named_for_another_format_is_told_its_name(tmp_path: Path) -> None:
    words = refusal(tmp_path, "wrong.pdf", b"Just some words.\n" * 20)
    assert words == (
        "The file is named .pdf but its content is plain text. "
        "Rename it to .txt to have it read as that."
    )


@pytest.mark.parametrize("kind", ["high", "any"])
def test_bytes_without_sense_are_no_text_in_any_encoding(tmp_path: Path, kind: str) -> None:
    odd = bytes((n * n * 7 + n // 3) % 128 + 128 for n in range(3000))
    content = odd if kind == "high" else bytes(n % 255 + 1 for n in odd) + b"\x01\x02" * 40
    assert "not a format we know" in refusal(tmp_path, "a.txt", content)
