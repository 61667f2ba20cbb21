// One request and its answer: what the policy says about it, the attempts, and the answer on its way back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "codec/message_stream.h"
#include "exchange/attempt.h"
#include "exchange/endpoints.h"
#include "exchange/head_edits.h"
#include "exchange/leaving.h"
#include "exchange/lua_filter.h"
#include "exchange/request_body.h"
#include "exchange/surroundings.h"
#include "exchange/watch.h"
#include "io/breakable.h"
#include "policy/table/table.h"
#include "upstream/fault.h"
#include "upstream/retry.h"

namespace sluice::exchange {

class Exchange {
 public:
  // Both outlive it.
  Exchange(Surroundings& surroundings, codec::ServerStream& client);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // To the end of the answer, whatever it is. The client has then been answered or reset.
  io::Task<void> run();

 private:
  struct Refused {
    std::uint16_t status;
    Error why;
    std::string_view text;
    std::string_view fields = {};  // lines of the answer's head, each with CRLF
  };

  io::Task<void> work();
  std::optional<Refused> plan();
  std::optional<Refused> plan_outbound();
  std::optional<Refused> plan_inbound();
  // Inbound, in this order (inbound_plan.cpp): limits on requests, the dice of faults.
  std::optional<Refused> limited(const policy::HttpInboundImage& http);
  void throw_dice(const policy::HttpInboundImage& http);
  io::Task<bool> suffer_fault();  // false: it has been answered
  std::optional<Refused> choose_backend(const policy::OutboundRoute& dialled);
  std::optional<Refused> lead_to(const policy::OutboundRoute& service);
  std::string_view matched_prefix() const;  // of the route; empty when it asks for none
  void set_clock();
  void pass_deadline_on();  // grpc-timeout, for the next attempt
  void edit_request();
  void choose_mirrors();
  void send_copies();
  io::Task<void> attempts();
  void blame(const Error& error);  // the rule behind it, for the report
  io::Task<Result<const http::Response*>> attempt_once(Attempt& attempt, bool fresh);
  bool again(const Result<const http::Response*>& outcome, const Attempt& attempt);
  bool retriable(const Result<const http::Response*>& outcome, const Attempt& attempt) const;
  Nanos pause(const Result<const http::Response*>& outcome);
  // What an attempt says of its endpoint: by its head, and by how its body ended.
  void judge(const Result<const http::Response*>& outcome, const Attempt& attempt);
  void judge_end(const Result<codec::BodyPart>& last, const Attempt& attempt) const;
  io::Task<void> forward(Attempt& attempt, http::Response response);
  io::Task<void> copy_answer(Attempt& attempt);
  io::Task<Result<>> write_answer(io::Chunk data);
  io::Task<Result<>> write_shaped(io::Chunk data);
  io::Task<void> tunnel(Attempt& attempt);
  io::Task<void> refuse(Refused refused);
  io::Task<void> answer_local(std::uint16_t status, std::string_view text, std::string_view fields);
  io::Task<void> conclude_timeout();
  Refused refusal_of(const Error& error) const;
  Refused refusal_of(const policy::Refusal& refusal) const;
  void report();
  // Lua filters: lua_filter.cpp. Each of the tasks says whether the message goes on; if not, the client has
  // been dealt with.
  void find_lua_filters(bool refused);
  io::Task<bool> filter_request();
  io::Task<bool> filter_answer(Attempt& attempt, http::Response& response);
  io::Task<bool> collect_request_body(std::size_t bound);
  io::Task<bool> collect_answer_body(Attempt& attempt, std::size_t bound);
  void check_answer(const policy::LuaFilter& filter, lua::Verdict& verdict);
  io::Task<bool> obey(const policy::LuaFilter& filter, lua::Verdict verdict);

  Surroundings& surroundings_;
  codec::ServerStream& client_;
  http::Request request_;  // as it is routed and sent
  std::shared_ptr<const policy::Table> table_;
  const policy::RouteImage* route_ = nullptr;  // outbound
  const policy::HttpRoutes* routes_ = nullptr;
  const policy::RetryImage* retry_ = nullptr;
  policy::HttpTimeouts timeouts_;
  upstream::FaultPlan fault_;  // inbound
  const policy::RuleRef* fault_rule_ = nullptr;
  std::optional<upstream::Shaper> shaper_;
  std::optional<upstream::BackOff> back_off_;
  upstream::Ticket retrying_;
  Endpoints endpoints_;
  std::vector<Endpoints> mirrors_;
  HeadEdits to_endpoint_;
  HeadEdits to_client_;
  RequestBody body_;
  std::unique_ptr<LuaState> lua_;  // null: no filter
  bool request_changed_ = false;   // by a filter
  std::uint32_t retries_done_ = 0;
  bool judged_by_trailers_ = false;
  bool answering_ = false;  // the final head is on its way to the client
  MonoTime began_;
  RequestReport report_;
  std::optional<Error> end_;
  std::optional<Nanos> grpc_timeout_;  // as the client asked
  MonoTime request_due_ = MonoTime::max();
  io::Breakable work_;
  Watch watch_;
  Leaving leaving_;
};

}  // namespace sluice::exchange
