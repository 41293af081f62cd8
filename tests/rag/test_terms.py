from rag.terms import terms


def test_terms_are_stems_without_stop_words() -> None:
    assert terms("The maintainers were uploading packages") == ["maintain", "upload", "packag"]


def test_texts_without_spaces_give_pairs_of_characters() -> None:
    assert terms("漢字列") == ["漢字", "字列"]


def test_numbers_and_other_alphabets_are_terms() -> None:
    assert terms("RFC 9457 über Größe") == ["rfc", "9457", "über", "größe"]
