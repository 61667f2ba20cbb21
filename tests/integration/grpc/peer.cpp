// A gRPC client and server on grpc++, as an application would have them.
//
//   grpc_peer server PORT
//     ends when it is killed; says on stdout which calls were cancelled; its health service (grpc.health.v1)
//     says NOT_SERVING of the echo from SIGUSR1 on, SERVING again from SIGUSR2 on
//   grpc_peer client TARGET METHOD [name=value...]
//     prints one line of what became of the call
//
// Names: those of Ask (echo.proto), deadline_ms, cancel_ms (after which the client gives the call up).
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "echo.grpc.pb.h"

namespace {

using sluice::test::Ask;
using sluice::test::Echo;
using sluice::test::Reply;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

template <typename Duration>
std::int64_t in_ms(Duration duration) {
  return std::chrono::duration_cast<milliseconds>(duration).count();
}

class EchoService final : public Echo::Service {
 public:
  grpc::Status Unary(grpc::ServerContext* context, const Ask* ask, Reply* reply) override {
    fill(*context, *ask, *reply);
    if (!wait(*context, *ask)) return grpc::Status::CANCELLED;
    return end(*context, *ask, reply->attempt());
  }

  grpc::Status Down(grpc::ServerContext* context, const Ask* ask, grpc::ServerWriter<Reply>* out) override {
    Reply reply;
    fill(*context, *ask, reply);
    for (int i = 0; i < ask->count(); ++i) {
      if (!wait(*context, *ask) || !out->Write(reply)) return gone(*ask);
    }
    return end(*context, *ask, reply.attempt());
  }

  grpc::Status Up(grpc::ServerContext* context, grpc::ServerReader<Ask>* in, Reply* reply) override {
    Ask ask;
    std::int64_t bytes = 0;
    while (in->Read(&ask)) bytes += static_cast<std::int64_t>(ask.payload().size());
    if (context->IsCancelled()) return gone(ask);
    fill(*context, ask, *reply);
    reply->set_bytes(bytes);
    return end(*context, ask, reply->attempt());
  }

  grpc::Status Both(grpc::ServerContext* context, grpc::ServerReaderWriter<Reply, Ask>* both) override {
    Ask ask;
    while (both->Read(&ask)) {
      Reply reply;
      fill(*context, ask, reply);
      if (!wait(*context, ask) || !both->Write(reply)) return gone(ask);
    }
    if (context->IsCancelled()) return gone(ask);
    return end(*context, ask, 1);
  }

 private:
  void fill(const grpc::ServerContext& context, const Ask& ask, Reply& reply) {
    const std::lock_guard guard(lock_);
    reply.set_text(ask.text());
    reply.set_attempt(++calls_[ask.text()]);
    reply.set_left_ms(in_ms(context.deadline() - system_clock::now()));
    reply.set_bytes(static_cast<std::int64_t>(ask.payload().size()));
    reply.set_payload(std::string(static_cast<std::size_t>(ask.size()), 'r'));
  }

  static grpc::Status gone(const Ask& ask) {
    std::printf("cancelled %s\n", ask.text().c_str());
    std::fflush(stdout);
    return grpc::Status::CANCELLED;
  }

  static bool wait(const grpc::ServerContext& context, const Ask& ask) {
    const auto end = steady_clock::now() + milliseconds(ask.wait_ms());
    std::mutex lock;
    std::condition_variable never;
    std::unique_lock held(lock);
    while (steady_clock::now() < end && !context.IsCancelled()) never.wait_for(held, milliseconds(5));
    if (context.IsCancelled()) gone(ask);
    return !context.IsCancelled();
  }

  static grpc::Status end(grpc::ServerContext& context, const Ask& ask, int attempt) {
    context.AddTrailingMetadata("x-last-word", "of " + ask.text());
    const bool fails = ask.code() != 0 && (ask.fail_first() == 0 || attempt <= ask.fail_first());
    if (!fails) return grpc::Status::OK;
    return {static_cast<grpc::StatusCode>(ask.code()), "told to fail: 100% \xc3\xbc"};
  }

  std::mutex lock_;
  std::map<std::string, int> calls_;
};

int serve(const char* port) {
  sigset_t told;  // blocked before there are threads that could get them
  sigemptyset(&told);
  sigaddset(&told, SIGUSR1);
  sigaddset(&told, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &told, nullptr);

  grpc::EnableDefaultHealthCheckService(true);
  EchoService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(std::string("0.0.0.0:") + port, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  auto* health = server->GetHealthCheckService();
  for (bool serving = true;;) {
    health->SetServingStatus(Echo::service_full_name(), serving);
    int which = 0;
    if (sigwait(&told, &which) != 0) return 1;
    serving = which == SIGUSR2;
  }
}

using Options = std::map<std::string, std::string>;

int number(const Options& options, const char* name) {
  const auto found = options.find(name);
  return found == options.end() ? 0 : std::atoi(found->second.c_str());
}

struct Outcome {
  Reply last;
  int replies = 0;
  std::int64_t bytes = 0;
  std::int64_t first_ms = -1;
  steady_clock::time_point began = steady_clock::now();
  void take(const Reply& reply) {
    if (replies++ == 0) first_ms = in_ms(steady_clock::now() - began);
    bytes += static_cast<std::int64_t>(reply.payload().size());
    last = reply;
  }
};

grpc::Status call(Echo::Stub& stub, grpc::ClientContext& context, const std::string& method, const Ask& ask,
                  Outcome& outcome) {
  Reply reply;
  if (method == "unary") {
    const auto status = stub.Unary(&context, ask, &reply);
    if (status.ok()) outcome.take(reply);
    return status;
  }
  if (method == "down") {
    const auto in = stub.Down(&context, ask);
    while (in->Read(&reply)) outcome.take(reply);
    return in->Finish();
  }
  if (method == "up") {
    const auto out = stub.Up(&context, &reply);
    for (int i = 0; i < ask.count() && out->Write(ask); ++i) {
    }
    out->WritesDone();
    const auto status = out->Finish();
    if (status.ok()) outcome.take(reply);
    return status;
  }
  // One reply is awaited before the next is asked for: nothing may be held back on the way.
  const auto both = stub.Both(&context);
  for (int i = 0; i < ask.count() && both->Write(ask) && both->Read(&reply); ++i) outcome.take(reply);
  both->WritesDone();
  while (both->Read(&reply)) outcome.take(reply);
  return both->Finish();
}

void print(const grpc::ClientContext& context, const grpc::Status& status, const Outcome& outcome) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto word = trailers.find("x-last-word");
  const std::string said =
      word == trailers.end() ? "" : std::string(word->second.data(), word->second.size());
  std::printf(
      "code=%d\nmessage=%s\ntext=%s\nattempt=%d\nreplies=%d\nbytes=%lld\nasked=%lld\nleft_ms=%lld\nfirst_ms=%"
      "lld\n"
      "took_ms=%lld\ntrailer=%s\n",
      static_cast<int>(status.error_code()), status.error_message().c_str(), outcome.last.text().c_str(),
      outcome.last.attempt(), outcome.replies, static_cast<long long>(outcome.bytes),
      static_cast<long long>(outcome.last.bytes()), static_cast<long long>(outcome.last.left_ms()),
      static_cast<long long>(outcome.first_ms),
      static_cast<long long>(in_ms(steady_clock::now() - outcome.began)), said.c_str());
}

int ask(const std::string& target, const std::string& method, const Options& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // what is tried again is the proxy's doing
  arguments.SetMaxReceiveMessageSize(-1);
  const auto stub =
      Echo::NewStub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
  Ask asking;
  asking.set_text(options.contains("text") ? options.at("text") : "hello");
  asking.set_code(number(options, "code"));
  asking.set_fail_first(number(options, "fail_first"));
  asking.set_count(number(options, "count"));
  asking.set_wait_ms(number(options, "wait_ms"));
  asking.set_size(number(options, "size"));
  asking.set_payload(std::string(static_cast<std::size_t>(number(options, "payload")), 'q'));

  grpc::ClientContext context;
  if (const int limit = number(options, "deadline_ms"); limit != 0)
    context.set_deadline(system_clock::now() + milliseconds(limit));
  std::mutex lock;
  std::condition_variable ended;
  bool over = false;
  std::thread canceller;
  if (const int after = number(options, "cancel_ms"); after != 0) {
    canceller = std::thread([&, after] {
      std::unique_lock held(lock);
      if (!ended.wait_for(held, milliseconds(after), [&over] { return over; })) context.TryCancel();
    });
  }
  Outcome outcome;
  const auto status = call(*stub, context, method, asking, outcome);
  {
    const std::lock_guard held(lock);
    over = true;
  }
  ended.notify_all();
  if (canceller.joinable()) canceller.join();
  print(context, status, outcome);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::string role = count > 2 ? words[1] : "";
  if (role == "server") return serve(words[2]);
  if (role != "client" || count < 4) return 2;
  Options options;
  for (int i = 4; i < count; ++i) {
    const std::string word = words[i];
    options[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  }
  return ask(words[2], words[3], options);
}
