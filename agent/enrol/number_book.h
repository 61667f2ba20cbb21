// Keeps the compiler's numbers over restarts: maps, listeners and the flight recorder know meshes and
// workloads by number. policy::Numbers hands them out in sequence, so the book is the list of names in that
// order, and opening it asks for them again.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "policy/engine/compile.h"

namespace sluice::agent {

class NumberBook {
 public:
  // Reads the file into `numbers`; a missing file is empty, a damaged one a Fault.
  static Outcome<NumberBook> open(std::string path, policy::Numbers& numbers);
  // Writes down what this compilation numbered and the book does not have yet. Durable before it returns.
  Outcome<> record(const policy::Compiled& compiled);

 private:
  struct Entry {
    bool mesh = false;
    std::uint32_t number = 0;
    std::string name;  // mesh, or "mesh dataplane"
  };
  explicit NumberBook(std::string path) : path_(std::move(path)) {}
  bool has(bool mesh, std::uint32_t number) const;
  Outcome<> replay(const Entry& entry, policy::Numbers& numbers);

  std::string path_;
  std::vector<Entry> entries_;
  std::uint32_t meshes_ = 0;  // numbers given so far, gaps included
  std::uint32_t workloads_ = 0;
};

}  // namespace sluice::agent
