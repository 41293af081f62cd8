"""The media types of what can be read, as they are found in content."""

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"
ZIP = "application/zip"
EML = "message/rfc822"
HTML = "text/html"
CSV = "text/csv"
JSON = "application/json"
MARKDOWN = "text/markdown"
PLAIN = "text/plain"


def is_markdown(media_type: str) -> bool:
    """Is the text that was read of it Markdown, to be cut along its headings?"""
    return media_type not in (PDF, PLAIN, JSON) and not media_type.startswith("image/")
