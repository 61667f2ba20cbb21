// Aligned tables for a tired reader: a header, two spaces between columns, numbers to the right, no lines
// drawn. Control characters in cells (names come from outside) are replaced, so a cell cannot steer the
// terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::ctl {

enum class Tone : unsigned char { plain, good, bad, warn, dim, bold };

struct Cell {
  std::string text;
  Tone tone = Tone::plain;

  Cell(std::string text_in, Tone tone_in = Tone::plain) : text(std::move(text_in)), tone(tone_in) {}
  Cell(const char* text_in, Tone tone_in = Tone::plain) : text(text_in), tone(tone_in) {}
};

// The text in its tone's colour when `colour`, else as it is.
std::string toned(std::string_view text, Tone tone, bool colour);

// Without control characters (each becomes '?'), and empty text as "-" when `dash`.
std::string printable(std::string_view text, bool dash = false);

class Table {
 public:
  // A name that starts with '>' aligns its column to the right.
  explicit Table(std::vector<std::string> columns);

  void add(std::vector<Cell> cells);
  // A line of its own under the last row, indented.
  void note(std::string text, Tone tone = Tone::dim);
  bool empty() const { return rows_.empty(); }
  // Every line ends with '\n'; trailing blanks are cut. Columns that are empty in every row are left out.
  std::string render(bool colour) const;

 private:
  struct Row {
    std::vector<Cell> cells;
    std::vector<Cell> notes;
  };
  std::vector<std::string> columns_;
  std::vector<bool> right_;
  std::vector<Row> rows_;
};

}  // namespace sluice::ctl
