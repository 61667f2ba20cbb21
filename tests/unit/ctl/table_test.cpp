#include "ctl/table.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

TEST(Table, AlignsTextToTheLeftAndNumbersToTheRight) {
  Table table({"NAME", ">COUNT", "STATE"});
  table.add({"web", "7", "ok"});
  table.add({"database", "12345678", "down"});
  EXPECT_EQ(table.render(false),
            "NAME         COUNT  STATE\n"
            "web              7  ok\n"
            "database  12345678  down\n");
}

TEST(Table, KeepsAHeaderThatIsWiderThanItsCells) {
  Table table({"A", ">CONNECTIONS", "B"});
  table.add({"x", "1", "y"});
  EXPECT_EQ(table.render(false),
            "A  CONNECTIONS  B\n"
            "x            1  y\n");
}

TEST(Table, LeavesOutEmptyColumnsAndDashesEmptyCells) {
  Table table({"A", "EMPTY", "B"});
  table.add({"1", "", "x"});
  table.add({"2"});  // cells that are not given are empty
  EXPECT_EQ(table.render(false), "A  B\n1  x\n2  -\n");
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({"NAME", "X"});
  table.add({"\u00fcber", "1"});
  table.add({"plain", "2"});
  EXPECT_EQ(table.render(false), "NAME   X\n\u00fcber   1\nplain  2\n");
}

TEST(Table, ColoursDoNotShiftColumns) {
  Table table({"A", "B"});
  table.add({{"no", Tone::bad}, "x"});
  table.add({{"fine", Tone::good}, "y"});
  EXPECT_EQ(table.render(true),
            "\x1b[1mA\x1b[0m     \x1b[1mB\x1b[0m\n"
            "\x1b[31mno\x1b[0m    x\n"
            "\x1b[32mfine\x1b[0m  y\n");
}

TEST(Table, PutsNotesUnderTheirRow) {
  Table table({"A"});
  table.note("lost");  // no row yet
  table.add({"1"});
  table.note("next: look\nhere");
  table.add({"2"});
  EXPECT_EQ(table.render(false), "A\n1\n    next: look?here\n2\n");
}

TEST(Table, CellsCannotSteerTheTerminal) {
  Table table({"A"});
  EXPECT_TRUE(table.empty());
  table.add(
      {"a\x1b[2Jb\x7f\xc2\x9b"
       "c"});
  EXPECT_FALSE(table.empty());
  EXPECT_EQ(table.render(false), "A\na?[2Jb??c\n");
}

TEST(Printable, KeepsTextAndDashesNothing) {
  EXPECT_EQ(printable("\u00e4 b"), "\u00e4 b");
  EXPECT_EQ(printable("a\tb\n"), "a?b?");
  EXPECT_EQ(printable("", true), "-");
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("\xc2"), "\xc2");  // cut off at the end
}

}  // namespace
}  // namespace sluice::ctl
