// HTTP over the control socket with libcurl. One call at a time; nothing is kept between calls.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ctl/json_view.h"

namespace sluice::ctl {

using Query = std::vector<std::pair<std::string, std::string>>;  // empty values are left out

struct Call {
  std::string method = "GET";
  std::vector<std::string> path = {};  // segments, not yet encoded: {"v1", "status"}
  Query query = {};
  std::string body = {};
  std::string content_type = "application/json";
};

struct Answer {
  long status = 0;
  std::string text;
  Json json;  // null when the body is not JSON

  bool ok() const { return status >= 200 && status < 300; }
  Fault fault() const;  // of an answer that is not ok
};

class Client {
 public:
  explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // A Fault when there was no answer at all; refusals are answers.
  Outcome<Answer> send(const Call& call) const;
  // The JSON of a successful answer; refusals become faults too.
  Outcome<Json> json(const Call& call) const;

 private:
  std::string socket_path_;
};

}  // namespace sluice::ctl
