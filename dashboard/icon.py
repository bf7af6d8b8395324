"""The mark of the workbench, as SVG: for the browser's tab."""

from __future__ import annotations

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 40 40">'
    '<rect x="2.5" y="4.5" width="35" height="31" rx="8" fill="#e8efef"'
    ' stroke="#4a6a6e" stroke-width="2"/>'
    '<path d="M10 15h20M10 22h9" stroke="#4a6a6e" stroke-width="2.6" stroke-linecap="round"/>'
    '<circle cx="28" cy="26" r="7" fill="#1f6f78"/>'
    '<path d="M24.8 26.1l2.3 2.3 4-4.5" fill="none"'
    ' stroke="#fff" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/>'
    "</svg>"
)
