// Feeding the readers whole, byte by byte and cut in two at every place: the verdict must be the same.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "http/body.h"
#include "http/request.h"
#include "http/response.h"

namespace sluice::http {

inline std::string word(Refusal refusal) {
  return std::string(refusal_info(refusal).word);
}

// "ok", "more", or the word of the refusal. `step`: how many bytes come at a time.
inline std::string request_verdict(std::string_view bytes, std::size_t first, std::size_t step) {
  HeadReader reader(HeadReader::Kind::request);
  for (std::size_t have = std::min(first, bytes.size());; have = std::min(have + step, bytes.size())) {
    // A copy of its own: nothing may be read beyond it.
    const auto part = std::make_unique<char[]>(have);
    bytes.copy(part.get(), have);
    const auto request = read_request(reader, {part.get(), have});
    if (!request) return word(request.error());
    if (*request) return "ok";
    if (have == bytes.size()) return "more";
  }
}

inline std::string response_verdict(std::string_view bytes, Asked asked, std::size_t first,
                                    std::size_t step) {
  HeadReader reader(HeadReader::Kind::response);
  for (std::size_t have = std::min(first, bytes.size());; have = std::min(have + step, bytes.size())) {
    const auto part = std::make_unique<char[]>(have);
    bytes.copy(part.get(), have);
    const auto response = read_response(reader, {part.get(), have}, asked);
    if (!response) return word(response.error());
    if (*response) return "ok";
    if (have == bytes.size()) return "more";
  }
}

struct BodyVerdict {
  std::string word;  // "done", "more" or a refusal's
  std::string content;
  std::size_t consumed = 0;
  bool operator==(const BodyVerdict&) const = default;
};

inline BodyVerdict body_verdict(std::string_view bytes, const BodyLength& length, std::size_t first,
                                std::size_t step) {
  BodyReader reader(length);
  BodyVerdict verdict{reader.done() ? "done" : "more", {}, 0};
  for (std::size_t at = 0, size = first; at < bytes.size() && !reader.done(); at += size, size = step) {
    std::string_view part = bytes.substr(at, size);
    while (!part.empty() && !reader.done()) {
      const auto taken = reader.next(part);
      if (!taken) {
        verdict.word = word(taken.error());
        return verdict;
      }
      verdict.content += taken->data;
      verdict.consumed += taken->consumed;
      part.remove_prefix(taken->consumed);
    }
  }
  if (reader.done()) verdict.word = "done";
  return verdict;
}

}  // namespace sluice::http
