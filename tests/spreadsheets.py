"""Reading the workbooks of exports."""

import io
import zipfile
from xml.etree import ElementTree as ET


def cells(content: bytes, sheet: int = 1) -> list[dict[str, tuple[str, str]]]:
    """Type and text of the cells of each row, by column."""
    names = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(io.BytesIO(content)) as workbook:
        tree = ET.fromstring(workbook.read(f"xl/worksheets/sheet{sheet}.xml"))  # noqa: S314 - made by us
    return [
        {
            str(cell.get("r")).rstrip("0123456789"): (
                cell.get("t", "n"),
                "".join(cell.itertext()),
            )
            for cell in row
        }
        for row in tree.iterfind("s:sheetData/s:row", names)
    ]
