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

// Letters differ by one bit; so do other characters, which are not the same for it. At every place of a text
// of every length that is compared eight at a time, and in its rest.
TEST(Scan, ComparesEveryPairOfBytesWithoutCaseAtEveryPlace) {
  const auto lower = [](unsigned c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  for (std::size_t size = 1; size <= 17; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      for (unsigned a = 0; a < 256; ++a) {
        std::string left(size, 'x');
        std::string right(size, 'X');
        left[place] = static_cast<char>(a);
        for (const unsigned b : {a, a ^ 0x20, a ^ 0x80, a ^ 0xa0, a + 1, 0U, 'a' + 0U, 'Z' + 0U}) {
          right[place] = static_cast<char>(b);
          EXPECT_EQ(equal_ignoring_case(left, right), lower(a) == lower(b & 0xff))
              << a << " " << b << " at " << place;
        }
      }
    }
  }
  EXPECT_TRUE(equal_ignoring_case("", ""));
  EXPECT_FALSE(equal_ignoring_case("content-lengt", "Content-Length"));
}

TEST(Fields, KnowsHowManyThereAreAndTheLast) {
  FieldList list;
  for (const Known known : {Known::host, Known::other, Known::connection, Known::connection}) {
    Field field;
    field.known = known;
    field.value_at = static_cast<std::uint16_t>(list.size());
    ASSERT_TRUE(list.add(field));
  }
  EXPECT_EQ(list.count(Known::connection), 2U);
  EXPECT_EQ(list.find(Known::connection)->value_at, 3U);
  EXPECT_EQ(list.find(Known::upgrade), nullptr);
  list.clear();
  EXPECT_EQ(list.count(Known::connection), 0U);
  EXPECT_EQ(list.find(Known::host), nullptr);
  while (list.add({})) {
  }
  EXPECT_EQ(list.count(Known::other), kFieldsMax);
}

TEST(Fields, FindsByNameWhateverItsLength) {
  const std::string head = "a" + std::string(65, 'b') + std::string(300, 'c');
  FieldList list;
  ASSERT_TRUE(list.add({.name_at = 1, .name_size = 65}));
  ASSERT_TRUE(list.add({.name_at = 66, .name_size = 300}));
  EXPECT_EQ(list.find(head, std::string(65, 'B'))->name_at, 1U);
  EXPECT_EQ(list.find(head, std::string(300, 'C'))->name_at, 66U);
  EXPECT_EQ(list.find(head, "a"), nullptr);  // of a length 64 shorter
  EXPECT_EQ(list.find(head, ""), nullptr);
  list.clear();
  EXPECT_EQ(list.find(head, std::string(65, 'b')), nullptr);
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
