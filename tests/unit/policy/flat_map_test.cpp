// The flat tables give what the standard ones give, also when all keys fall on one place.
#include "policy/table/flat_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace sluice::policy {
namespace {

struct OnePlace {
  std::uint64_t operator()(std::uint32_t) const noexcept { return 7; }
};
struct Spread {
  std::uint64_t operator()(std::uint32_t key) const noexcept {
    WordHash hash;
    hash.add(key);
    return hash.value();
  }
};

template <typename Hash>
void compare(bool reserve) {
  std::mt19937 random(7);
  FlatMap<std::uint32_t, int, Hash> map;
  FlatLists<std::uint32_t, Hash> lists;
  if (reserve) map.reserve(300);
  std::map<std::uint32_t, int> wanted;
  std::map<std::uint32_t, std::vector<std::uint32_t>> wanted_lists;
  EXPECT_EQ(map.find(1), nullptr);
  for (int i = 0; i < 500; ++i) {
    const auto key = static_cast<std::uint32_t>(random() % 300);
    map.insert(key, i);
    wanted.try_emplace(key, i);
    lists.add(key, static_cast<std::uint32_t>(i));
    wanted_lists[key].push_back(static_cast<std::uint32_t>(i));
  }
  for (std::uint32_t key = 0; key < 400; ++key) {
    const auto* found = map.find(key);
    ASSERT_EQ(found != nullptr, wanted.contains(key));
    if (found != nullptr) EXPECT_EQ(*found, wanted.at(key));
    std::vector<std::uint32_t> numbers;
    for (const auto* link = lists.find(key); link != nullptr; link = lists.next(*link))
      numbers.push_back(link->number);
    EXPECT_EQ(numbers, wanted_lists[key]);
  }
}

TEST(FlatMap, SameAsTheStandardMap) {
  compare<Spread>(false);
  compare<Spread>(true);
  compare<OnePlace>(false);
}

TEST(FlatMap, TextsThatDifferInOneByteDiffer) {
  const std::string text = "spiffe://default/web";
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto other = text;
    other[i] ^= 1;
    EXPECT_NE(TextHash{}(text), TextHash{}(other));
  }
  EXPECT_NE(TextHash{}(text), TextHash{}(text + '\0'));
}

}  // namespace
}  // namespace sluice::policy
