#include "node_parser.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace sluice::fuzz {
namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "node_parser: %s failed\n", what);
  std::abort();
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;  // libFuzzer's alarm
    if (n <= 0) fail("writing to node");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void read_all(int fd, char* at, std::size_t size) {
  while (size > 0) {
    const auto n = ::read(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("reading from node");
    at += n;
    size -= static_cast<std::size_t>(n);
  }
}

// Numbers and texts off the front of an answer.
class Answer {
 public:
  explicit Answer(std::string_view bytes) : rest_(bytes) {}
  std::string_view bytes(std::size_t size) {
    if (rest_.size() < size) fail("an answer as long as it says");
    const auto head = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return head;
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(bytes(number())); }

 private:
  std::string_view rest_;
};

}  // namespace

NodeParser::NodeParser(const char* script, const char* what) {
  std::array<int, 2> questions{};
  std::array<int, 2> answers{};
  if (::pipe2(questions.data(), O_CLOEXEC) != 0 || ::pipe2(answers.data(), O_CLOEXEC) != 0) fail("pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, questions[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, answers[1], STDOUT_FILENO);
  std::string name = "node";
  std::string option = "--no-deprecation";
  std::string path = script;
  std::string kind = what;
  std::array<char*, 5> words{name.data(), option.data(), path.data(), kind.data(), nullptr};
  pid_t child = 0;
  if (::posix_spawnp(&child, "node", &actions, nullptr, words.data(), environ) != 0) fail("starting node");
  posix_spawn_file_actions_destroy(&actions);
  ::close(questions[0]);
  ::close(answers[1]);
  to_ = questions[1];
  from_ = answers[0];
}

Seen NodeParser::read(const std::string& bytes, std::size_t piece) {
  const std::array<std::uint32_t, 2> head{static_cast<std::uint32_t>(bytes.size()),
                                          static_cast<std::uint32_t>(piece)};
  std::string question(sizeof head, '\0');
  std::memcpy(question.data(), head.data(), sizeof head);
  write_all(to_, question += bytes);
  std::uint32_t size = 0;
  read_all(from_, reinterpret_cast<char*>(&size), sizeof size);
  std::string text(size, '\0');
  read_all(from_, text.data(), size);
  Answer answer(text);
  Seen seen;
  seen.refused = answer.bytes(1)[0] == 0;
  seen.whole.resize(answer.number());
  for (Message& message : seen.whole) {
    message.method = answer.text();
    message.target = answer.text();
    message.fields = answer.text();
    message.body = answer.text();
  }
  return seen;
}

}  // namespace sluice::fuzz
