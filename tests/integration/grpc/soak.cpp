// The gRPC part of the mixed load, on grpc++: grpc_soak TARGET SECONDS THREADS
// Each thread makes calls of all four kinds one after the other; every call has a text of its own, and each
// reply must be of that text. Some are given up in the middle, some fail at first and must be tried again by
// the proxy. At the end a line of JSON: {"counts": {"unary 0": number, ...}, "wrong": [what must not have
// been]}.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "echo.grpc.pb.h"

namespace {

using sluice::test::Ask;
using sluice::test::Echo;
using sluice::test::Reply;
using std::chrono::seconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr int kLimitSeconds = 30;
constexpr std::size_t kWrongMax = 20;

class Told {
 public:
  void count(const std::string& outcome) {
    const std::lock_guard guard(lock_);
    ++counts_[outcome];
  }
  void wrong(const std::string& text) {
    const std::lock_guard guard(lock_);
    ++counts_["wrong"];
    if (wrong_.size() < kWrongMax) wrong_.push_back(text);
  }
  void print() const {
    std::printf("{\"counts\": {");
    const char* comma = "";
    for (const auto& [outcome, times] : counts_) {
      std::printf("%s\"%s\": %lld", comma, outcome.c_str(), times);
      comma = ", ";
    }
    std::printf("}, \"wrong\": [");
    comma = "";
    for (const std::string& text : wrong_) {
      std::printf("%s\"%s\"", comma, text.c_str());
      comma = ", ";
    }
    std::puts("]}");
  }

 private:
  std::mutex lock_;
  std::map<std::string, long long> counts_;
  std::vector<std::string> wrong_;
};

struct Call {
  std::string kind;
  Ask ask;
  bool leaves = false;  // after the first reply
  int replies = 0;
  bool others = false;  // a reply that is not of this call
  void take(const Reply& reply) {
    ++replies;
    others |= reply.text() != ask.text() || reply.payload().size() != static_cast<std::size_t>(ask.size());
  }
};

grpc::Status make(Echo::Stub& stub, grpc::ClientContext& context, Call& call) {
  Reply reply;
  if (call.kind == "unary") {
    const auto status = stub.Unary(&context, call.ask, &reply);
    if (status.ok()) call.take(reply);
    return status;
  }
  if (call.kind == "down") {
    const auto in = stub.Down(&context, call.ask);
    while (in->Read(&reply)) {
      call.take(reply);
      if (call.leaves) context.TryCancel();
    }
    return in->Finish();
  }
  if (call.kind == "up") {
    const auto out = stub.Up(&context, &reply);
    for (int i = 0; i < call.ask.count() && out->Write(call.ask); ++i) {
    }
    out->WritesDone();
    const auto status = out->Finish();
    if (status.ok()) call.take(reply);
    return status;
  }
  const auto both = stub.Both(&context);
  for (int i = 0; i < call.ask.count() && both->Write(call.ask) && both->Read(&reply); ++i) {
    call.take(reply);
    if (call.leaves) context.TryCancel();
  }
  both->WritesDone();
  while (both->Read(&reply)) call.take(reply);
  return both->Finish();
}

void judge(const Call& call, const grpc::Status& status, Told& told) {
  const int code = status.error_code();
  told.count(call.kind + " " + std::to_string(code) + (call.leaves ? " left" : ""));
  const std::string what = call.ask.text() + " " + call.kind + " code " + std::to_string(code) + " " +
                           status.error_message() + " replies " + std::to_string(call.replies);
  if (call.others) told.wrong("a reply of another call: " + what);
  const bool streams = call.kind == "down" || call.kind == "both";
  if (call.leaves && streams) return;
  if (code != grpc::StatusCode::OK || call.replies != (streams ? call.ask.count() : 1)) told.wrong(what);
}

void work(const std::string& target, steady_clock::time_point end, int number, Told& told) {
  std::mt19937 random(static_cast<unsigned>(number));
  const auto upto = [&random](unsigned most) { return static_cast<int>(random() % (most + 1)); };
  const std::vector<std::string> kinds{"unary", "unary", "unary", "down", "up", "both"};
  for (int turn = 0; steady_clock::now() < end;) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // what is tried again is the proxy's doing
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub =
        Echo::NewStub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
    for (int left = 1 + upto(200); left > 0 && steady_clock::now() < end; --left, ++turn) {
      Call call;
      call.kind = kinds[static_cast<std::size_t>(upto(5))];
      call.ask.set_text("call-" + std::to_string(number) + "-" + std::to_string(turn));
      call.ask.set_count(1 + upto(8));
      call.ask.set_size(upto(9) == 0 ? 100'000 : upto(2000));
      call.ask.set_payload(std::string(static_cast<std::size_t>(upto(9) == 0 ? 50'000 : upto(2000)), 'q'));
      call.leaves = upto(19) == 0;
      if (call.kind == "unary" && upto(9) == 0) {
        call.ask.set_code(grpc::StatusCode::UNAVAILABLE);
        call.ask.set_fail_first(1);
      }
      grpc::ClientContext context;
      context.set_deadline(system_clock::now() + seconds(kLimitSeconds));
      const auto status = make(*stub, context, call);
      judge(call, status, told);
    }
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  const auto end = steady_clock::now() + seconds(std::atoi(words[2]));
  Told told;
  std::vector<std::thread> threads;
  for (int i = 0; i < std::atoi(words[3]); ++i) {
    threads.emplace_back([&told, end, i, target = std::string(words[1])] { work(target, end, i, told); });
  }
  for (auto& thread : threads) thread.join();
  told.print();
  return 0;
}
