#include "vistas/look/gallery.h"

#include <fmt/format.h>

#include "vistas/look/html.h"

namespace vistas::look {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --paper: #fcfcfb; --ink: #282a2e; --soft: #6d7178; --line: #e3e3df;
  --card: #fff; --right: #22834f; --wrong: #c93c32; }
@media (prefers-color-scheme: dark) { :root { --paper: #17181a; --ink: #e6e6e3; --soft: #9a9da3;
  --line: #303236; --card: #1f2124; --right: #4fbf83; --wrong: #ef7a70; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 2rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
.how { color: var(--soft); margin: .25rem 0 2rem; }
section { display: grid; grid-template-columns: 180px 1fr; gap: 1.5rem; padding: 1.25rem 0;
  border-top: 1px solid var(--line); }
.near { display: grid; grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); gap: 1rem; }
figure { margin: 0; min-width: 0; }
figure img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; padding: 4px;
  background: var(--card); border: 2px solid var(--line); border-radius: 8px; image-rendering: auto; }
figure img.small { image-rendering: pixelated; }
.right img { border-color: var(--right); } .wrong img { border-color: var(--wrong); }
figcaption { margin-top: .35rem; font-size: .8rem; color: var(--soft); }
figcaption b { color: var(--ink); font-variant-numeric: tabular-nums; }
figcaption span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.right .label { color: var(--right); } .wrong .label { color: var(--wrong); }
.warning { color: var(--wrong); margin: .25rem 0; }
table { border-collapse: collapse; margin: 0 0 2rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid var(--line); }
@media (max-width: 640px) { section { grid-template-columns: 1fr; } .query { max-width: 180px; } }
)";

// Enlarged small pictures keep their pixels sharp.
constexpr const char* kScript =
    "for (const i of document.images) { const f = () => { if (i.naturalWidth < 100) "
    "i.classList.add('small'); }; i.complete ? f() : i.addEventListener('load', f); }";

std::string figure(const GalleryPicture& p, const std::string& kind) {
  const std::string mark = !p.right ? "" : *p.right ? " right" : " wrong";
  const std::string source = p.bytes.empty() ? link_of_path(p.path) : data_uri(p.bytes, p.path);
  const std::string path = escape_html(p.path);
  std::string text;
  if (p.score) text += fmt::format("<b>{:.3f}</b>", *p.score);
  if (!p.label.empty())
    text += fmt::format("<span class=\"label\">{}</span>", escape_html(p.label));
  text += fmt::format("<span title=\"{}\">{}</span>", path, path);
  return fmt::format(
      "<figure class=\"{}{}\"><img src=\"{}\" alt=\"{}\" loading=\"lazy\"><figcaption>{}"
      "</figcaption></figure>\n",
      kind, mark, source, path, text);
}

std::string table_row(const std::vector<std::string>& cells, const char* tag) {
  std::string text = "<tr>";
  for (const std::string& cell : cells) {
    text += fmt::format("<{0}>{1}</{0}>", tag, escape_html(cell));
  }
  return text + "</tr>\n";
}

std::string notes_part(const GalleryNotes& notes) {
  std::string text;
  for (const std::string& warning : notes.warnings) {
    text += fmt::format("<p class=\"warning\">{}</p>\n", escape_html(warning));
  }
  if (notes.table.empty()) return text;
  text += "<table>\n";
  for (const auto& row : notes.table) {
    text += table_row(row, &row == &notes.table.front() ? "th" : "td");
  }
  return text + "</table>\n";
}

}  // namespace

std::string gallery_page(const std::string& title, const std::string& subtitle,
                         const std::vector<GalleryRow>& rows, const GalleryNotes& notes) {
  std::string body = notes_part(notes);
  for (const GalleryRow& row : rows) {
    body += "<section>\n" + figure(row.query, "query") + "<div class=\"near\">\n";
    for (const GalleryPicture& neighbour : row.neighbours) body += figure(neighbour, "neighbour");
    body += "</div>\n</section>\n";
  }
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{2}</style>\n<body>\n<h1>{0}</h1>\n<p class=\"how\">{1}</p>\n"
      "{3}<script>{4}</script>\n</body>\n</html>\n",
      escape_html(title), escape_html(subtitle), kStyle, body, kScript);
}

}  // namespace vistas::look
