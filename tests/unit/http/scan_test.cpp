// The vector scan against the obvious one, at every alignment.
#include "http/scan.h"

#include <gtest/gtest.h>

#include <string>

#include "http/fields.h"

namespace sluice::http {
namespace {

TEST(Scan, FindsEveryControlCharacterAtEveryPlace) {
  for (int c = 0; c < 256; ++c) {
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    for (std::size_t size : {1U, 15U, 16U, 17U, 40U}) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(c);
        EXPECT_EQ(find_control(text), control ? at : size) << c << " at " << at << " of " << size;
        EXPECT_EQ(find_control(text, at + 1), size);
      }
    }
  }
}

TEST(Scan, ListsAndCase) {
  std::string_view list = " a ,,b\t";
  EXPECT_EQ(next_element(list), "a");
  EXPECT_EQ(next_element(list), "");
  EXPECT_EQ(next_element(list), "b");
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(equal_ignoring_case("Ab-C", "aB-c"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));
}

TEST(Fields, KnownNames) {
  EXPECT_EQ(known_name("TE"), Known::te);
  EXPECT_EQ(known_name("hOST"), Known::host);
  EXPECT_EQ(known_name("TRAILER"), Known::trailer);
  EXPECT_EQ(known_name("Upgrade"), Known::upgrade);
  EXPECT_EQ(known_name("Connection"), Known::connection);
  EXPECT_EQ(known_name("Keep-Alive"), Known::keep_alive);
  EXPECT_EQ(known_name("Content-Length"), Known::content_length);
  EXPECT_EQ(known_name("Transfer-Encoding"), Known::transfer_encoding);
  EXPECT_EQ(known_name("Transfer_Encoding"), Known::other);
  EXPECT_EQ(known_name("hosts"), Known::other);
}

}  // namespace
}  // namespace sluice::http
