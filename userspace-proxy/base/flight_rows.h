// The flight recorder's rows as they lie in the shared memory. A text that a row does not have is neither
// written nor read, and what few live rows have lies apart: memory that nobody touches has no pages. Each row
// is under a sequence number, odd while it is written (Lamport; Boehm, "Can seqlocks get along with
// programming language memory models?", 2012). All words are atomics, so a torn read is detected and never a
// data race.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "base/flight.h"

namespace sluice {

// A text as far as its terminator.
template <std::size_t Size>
class SharedText {
 public:
  void write(const char (&text)[Size]) {
    for (std::size_t at = 0; at < Size; at += kWord) {
      std::uint64_t word = 0;
      std::memcpy(&word, text + at, kWord);
      words_[at / kWord].store(word, std::memory_order_relaxed);
      if (ends_in(text + at)) return;
    }
  }
  void read(char (&text)[Size]) const {
    for (std::size_t at = 0; at < Size; at += kWord) {
      const std::uint64_t word = words_[at / kWord].load(std::memory_order_relaxed);
      std::memcpy(text + at, &word, kWord);
      if (ends_in(text + at)) return;
    }
  }

 private:
  static constexpr std::size_t kWord = sizeof(std::uint64_t);
  static_assert(Size % kWord == 0);
  static bool ends_in(const char* word) { return std::memchr(word, 0, kWord) != nullptr; }

  std::array<std::atomic<std::uint64_t>, Size / kWord> words_;
};

struct SharedHead {
  static constexpr std::size_t kWords = sizeof(FlightFacts) / sizeof(std::uint64_t);
  static_assert(sizeof(FlightFacts) % sizeof(std::uint64_t) == 0);
  static_assert(std::is_trivially_copyable_v<FlightFacts> &&
                std::has_unique_object_representations_v<FlightFacts>);
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

  std::atomic<std::uint64_t> sequence;
  std::atomic<std::uint64_t> texts;  // a bit for each that the row has, in the order of each_text()
  std::array<std::atomic<std::uint64_t>, kWords> facts;
};

template <std::size_t N>
class SharedRows {
 public:
  void write(std::size_t at, const FlightRow& row) {
    SharedHead& head = usual_[at].head;
    // A writer that died in the middle left an odd number; `| 1` goes on from either.
    const std::uint64_t odd = (head.sequence.load(std::memory_order_relaxed) + 1) | 1;
    head.sequence.store(odd, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    std::array<std::uint64_t, SharedHead::kWords> facts;
    std::memcpy(facts.data(), static_cast<const FlightFacts*>(&row), sizeof facts);
    for (std::size_t i = 0; i < facts.size(); ++i) head.facts[i].store(facts[i], std::memory_order_relaxed);
    std::uint64_t texts = 0;
    each_text(*this, at, row, [&texts](std::uint64_t bit, auto& shared, const auto& text) {
      if (text[0] == '\0') return;
      texts |= bit;
      shared.write(text);
    });
    head.texts.store(texts, std::memory_order_relaxed);
    head.sequence.store(odd + 1, std::memory_order_release);
  }

  // Has the memory fetched that a row like `row` will be written to, so that write() waits for none of it.
  void fetch_for(std::size_t at, const FlightRow& row) const {
    constexpr std::size_t kLine = 64;
    const auto* head = reinterpret_cast<const std::byte*>(&usual_[at].head);
    for (std::size_t byte = 0; byte < sizeof(SharedHead); byte += kLine) __builtin_prefetch(head + byte, 1);
    each_text(*this, at, row, [](std::uint64_t, const auto& shared, const auto& text) {
      if (text[0] != '\0') __builtin_prefetch(&shared, 1);
    });
  }

  // Did a writer die in the middle of it? Only for the row's owner.
  bool torn(std::size_t at) const {
    return usual_[at].head.sequence.load(std::memory_order_relaxed) % 2 != 0;
  }

  // The row as it lies there, whole unless it is torn; only for the row's owner.
  FlightRow own(std::size_t at) const {
    const SharedHead& head = usual_[at].head;
    std::array<std::uint64_t, SharedHead::kWords> facts;
    for (std::size_t i = 0; i < facts.size(); ++i) facts[i] = head.facts[i].load(std::memory_order_relaxed);
    FlightRow row;
    std::memcpy(static_cast<FlightFacts*>(&row), facts.data(), sizeof facts);
    const std::uint64_t texts = head.texts.load(std::memory_order_relaxed);
    each_text(*this, at, row, [texts](std::uint64_t bit, const auto& shared, auto& text) {
      if ((texts & bit) != 0) shared.read(text);
    });
    return row;
  }

  // A consistent copy, or nothing after a bounded number of tries.
  std::optional<FlightRow> read(std::size_t at) const {
    constexpr int kTries = 8;
    const auto& sequence = usual_[at].head.sequence;
    for (int i = 0; i < kTries; ++i) {
      const std::uint64_t before = sequence.load(std::memory_order_acquire);
      if (before == 0) return std::nullopt;  // never used
      if (before % 2 != 0) continue;
      const FlightRow row = own(at);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (sequence.load(std::memory_order_relaxed) == before) return row;
    }
    return std::nullopt;
  }

  // What is written of every row.
  const SharedHead& head(std::size_t at) const { return usual_[at].head; }

 private:
  struct Usual {
    SharedHead head;
    SharedText<sizeof(FlightRow::service)> service;
    SharedText<sizeof(FlightRow::peer_identity)> peer_identity;
  };
  struct Rare {
    SharedText<sizeof(FlightRow::rule)> rule;
    SharedText<sizeof(FlightRow::step)> step;
    SharedText<sizeof(FlightRow::method)> method;
    SharedText<sizeof(FlightRow::path)> path;
  };

  template <typename Rows, typename Row, typename Visit>
  static void each_text(Rows& rows, std::size_t at, Row& row, Visit visit) {
    visit(1, rows.usual_[at].service, row.service);
    visit(2, rows.usual_[at].peer_identity, row.peer_identity);
    visit(4, rows.rare_[at].rule, row.rule);
    visit(8, rows.rare_[at].step, row.step);
    visit(16, rows.rare_[at].method, row.method);
    visit(32, rows.rare_[at].path, row.path);
  }

  std::array<Usual, N> usual_;
  std::array<Rare, N> rare_;
};

}  // namespace sluice
