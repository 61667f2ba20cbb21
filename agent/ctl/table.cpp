#include "ctl/table.h"

#include <algorithm>
#include <cstddef>

namespace sluice::ctl {
namespace {

constexpr std::size_t kGap = 2;

// Code points, which is what our names need; combining and wide characters may shift a column.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, Tone tone, std::size_t to, bool right, bool colour) {
  const std::string blanks(to - std::min(to, width(text)), ' ');
  return right ? blanks + toned(text, tone, colour) : toned(text, tone, colour) + blanks;
}

void trim_end(std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
}

}  // namespace

std::string toned(std::string_view text, Tone tone, bool colour) {
  if (!colour || tone == Tone::plain || text.empty()) return std::string(text);
  const char* code = "";
  switch (tone) {
    case Tone::plain:
      break;
    case Tone::good:
      code = "32";
      break;
    case Tone::bad:
      code = "31";
      break;
    case Tone::warn:
      code = "33";
      break;
    case Tone::dim:
      code = "2";
      break;
    case Tone::bold:
      code = "1";
      break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string printable(std::string_view text, bool dash) {
  if (text.empty() && dash) return "-";
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    if (byte < 0x20 || byte == 0x7f) out[i] = '?';
    // C1 controls (U+0080..U+009F) steer terminals as escape sequences do.
    if (byte == 0xC2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0)
      out.replace(i, 2, "?");
  }
  return out;
}

Table::Table(std::vector<std::string> columns) : columns_(std::move(columns)) {
  for (auto& column : columns_) {
    right_.push_back(column.starts_with('>'));
    if (right_.back()) column.erase(0, 1);
  }
}

void Table::add(std::vector<Cell> cells) {
  cells.resize(columns_.size(), Cell(""));
  for (auto& cell : cells) cell.text = printable(cell.text);
  rows_.push_back({std::move(cells), {}});
}

void Table::note(std::string text, Tone tone) {
  if (!rows_.empty()) rows_.back().notes.emplace_back(printable(text), tone);
}

std::string Table::render(bool colour) const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < columns_.size(); ++i)
      widths[i] = std::max(widths[i], width(row.cells[i].text));
  std::string out;
  std::string line;
  const auto put = [&](std::size_t i, const std::string& text, Tone tone) {
    if (widths[i] == 0) return;
    const auto to = std::max(widths[i], width(columns_[i]));
    line += padded(text.empty() ? "-" : text, tone, to, right_[i], colour) + std::string(kGap, ' ');
  };
  const auto end_line = [&] {
    trim_end(line);
    out += line + "\n";
    line.clear();
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) put(i, columns_[i], Tone::bold);
  end_line();
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < columns_.size(); ++i) put(i, row.cells[i].text, row.cells[i].tone);
    end_line();
    for (const auto& note : row.notes) out += "    " + toned(note.text, note.tone, colour) + "\n";
  }
  return out;
}

}  // namespace sluice::ctl
