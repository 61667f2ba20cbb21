#include "exchange/exchange.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "exchange/fields.h"
#include "exchange/grpc.h"
#include "exchange/local_answer.h"

namespace sluice::exchange {
namespace {

using Kind = http::BodyLength::Kind;

std::string_view without_query(std::string_view target) {
  return target.substr(0, target.find('?'));
}

// Sending it twice is as good as once (RFC 9110 section 9.2.2).
bool idempotent(const http::Request& request) {
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::ranges::find(kMethods, request.method) != std::end(kMethods);
}

http::Asked asked_by(const http::Request& request) {
  return {.head = request.is_head(), .connect = request.is_connect(), .upgrade = request.upgrade};
}

}  // namespace

Exchange::Exchange(Surroundings& surroundings, codec::ServerStream& client)
    : surroundings_(surroundings),
      client_(client),
      request_(client.request()),
      body_(client),
      began_(surroundings.ring().now()),
      watch_(surroundings.ring(), work_),
      leaving_(surroundings.ring(), client_, body_, work_) {
  report_.method = request_.method;
  report_.path = without_query(request_.target.path);
  report_.began = began_;
}

io::Task<void> Exchange::run() {
  leaving_.start();
  co_await work_.await(work());
  co_await leaving_.stop();
  if (watch_.verdict()) {
    co_await conclude_timeout();
  } else if (work_.cancelled()) {
    if (leaving_.left()) end_ = leaving_.left();
    if (!end_) end_ = Error{Reason::drained, Origin::internal, ECANCELED, "request"};
    client_.reset(*end_);
  }
  send_copies();
  report();
}

io::Task<void> Exchange::work() {
  table_ = surroundings_.table();
  auto refused = plan();
  set_clock();
  find_lua_filters(refused.has_value());
  if (lua_) {
    if (!co_await filter_request()) co_return;
    if (request_changed_ && surroundings_.outbound()) {
      to_client_.clear();
      endpoints_ = {};
      request_due_ = MonoTime::max();
      refused = plan();
      set_clock();
    }
  }
  if (refused) co_return co_await refuse(*refused);
  if (route_ != nullptr && route_->redirect.status != 0) {
    const std::string_view prefix = matched_prefix();
    const std::string location =
        redirect_location(route_->redirect, prefix, request_.authority, request_.target.path);
    end_ = Error{Reason::redirected, Origin::policy, 0, "route"};
    co_return co_await answer_local(route_->redirect.status, "", "location: " + location + "\r\n");
  }
  if (fault_.strikes() && !co_await suffer_fault()) co_return;
  edit_request();
  choose_mirrors();
  co_await attempts();
}

void Exchange::send_copies() {
  if (mirrors_.empty()) return;
  const auto body = body_.copy();
  if (!body) return;
  for (Endpoints& mirror : mirrors_) {
    auto picked = mirror.pick(nullptr, surroundings_.ring().now());
    if (!picked) continue;
    surroundings_.send_copy({.table = table_,
                             .where = std::move(*picked),
                             .head = copied_head(request_, to_endpoint_.edits()),
                             .body = *body});
  }
}

std::string_view Exchange::matched_prefix() const {
  const policy::PathMatch& path = route_->match.path;
  return path.kind == policy::PathMatch::Kind::prefix ? std::string_view(path.value) : std::string_view();
}

io::Task<void> Exchange::attempts() {
  bool fresh = false;
  while (true) {
    auto picked = endpoints_.pick(retries_done_ == 0 ? nullptr : retry_, surroundings_.ring().now());
    if (!picked) {
      blame(picked.error());
      co_return co_await refuse(refusal_of(picked.error()));
    }
    Attempt attempt(surroundings_, table_, std::move(*picked), body_, watch_);
    report_.upstream = attempt.permit().address();
    pass_deadline_on();
    const auto outcome = co_await attempt_once(attempt, fresh);
    const bool cancelled = work_.cancelled();
    // A connection that had been idle may have been closed by the endpoint as the request went out.
    const bool went_stale = !outcome && attempt.reused() && !fresh && idempotent(request_) &&
                            body_.replayable() && outcome.error().reason == Reason::upstream_reset;
    if (!cancelled && went_stale) {
      co_await attempt.give_up(outcome.error());
      body_.rewind();
      endpoints_.forget_last();
      fresh = true;
      continue;
    }
    judge(outcome, attempt);
    if (!cancelled && again(outcome, attempt)) {
      const Nanos wait = pause(outcome);
      co_await attempt.give_up(Error{Reason::upstream_reset, Origin::internal, 0, "retry"});
      body_.rewind();
      ++retries_done_;
      fresh = false;
      if (!co_await surroundings_.ring().sleep_for(wait)) co_return;
      continue;
    }
    if (outcome) co_return co_await forward(attempt, **outcome);
    blame(outcome.error());
    co_await attempt.give_up(outcome.error());
    if (!cancelled) co_await refuse(refusal_of(outcome.error()));
    co_return;
  }
}

io::Task<void> Exchange::forward(Attempt& attempt, http::Response response) {
  if (lua_ && !co_await filter_answer(attempt, response)) co_return;
  body_.stop_keeping();
  report_.status = response.status;
  if (route_ != nullptr) to_client_.apply(route_->response_headers);
  const bool ends =
      response.body.kind == Kind::none || (response.body.kind == Kind::counted && response.body.bytes == 0);
  answering_ = true;
  if (ends) watch_.hands_over();
  if (!ends && response.body.kind != Kind::tunnel && attempt.stream().body_waits()) client_.hold_back();
  const auto answered = co_await client_.answer(response, to_client_.edits(), ends);
  if (!answered) {
    end_ = answered.error();
    client_.reset(*end_);
    co_return co_await attempt.give_up(*end_);
  }
  if (response.body.kind == Kind::tunnel) co_return co_await tunnel(attempt);
  if (!ends) co_await copy_answer(attempt);
  if (end_) co_return co_await attempt.give_up(*end_);
  end_ = Error{Reason::completed, Origin::downstream, 0, ""};
  co_await attempt.finish_upload();
}

io::Task<void> Exchange::copy_answer(Attempt& attempt) {
  while (true) {
    auto part = lua_ && lua_->answer_waits() ? lua_->take_answer() : co_await attempt.stream().read_body();
    if (!part || part->last) judge_end(part, attempt);
    if (!part) {
      end_ = part.error();
      break;
    }
    watch_.moved();
    const bool last = part->last;
    if (last) watch_.hands_over();
    const std::size_t size = part->data.size();
    if (size != 0) {
      if (last) client_.hold_back();
      const auto written = co_await write_answer(std::move(part->data));
      if (!written) {
        end_ = written.error();
        break;
      }
      report_.bytes_to_client += size;
      watch_.moved();
    }
    if (!last) continue;
    const auto finished = co_await client_.finish(part->trailers);
    if (!finished) end_ = finished.error();
    break;
  }
  if (end_) client_.reset(*end_);
}

namespace {

// One direction of what has become a tunnel.
struct Direction {
  Watch& watch;
  std::optional<Error>& failure;
  std::uint64_t bytes = 0;
};

template <typename From, typename To>
io::Task<void> pass(From& from, To& to, Direction& direction) {
  while (true) {
    auto part = co_await from.read_body();
    if (!part) {
      if (!direction.failure) direction.failure = part.error();
      from.reset(*direction.failure);
      to.reset(*direction.failure);
      co_return;
    }
    direction.watch.moved();
    direction.bytes += part->data.size();
    const bool last = part->last;
    Result<> written;
    if (!part->data.empty()) written = co_await to.write_body(std::move(part->data));
    if (written && last) written = co_await to.finish({});
    if (!written) {
      if (!direction.failure) direction.failure = written.error();
      from.reset(*direction.failure);
      co_return;
    }
    if (last) co_return;
  }
}

}  // namespace

io::Task<void> Exchange::tunnel(Attempt& attempt) {
  co_await leaving_.stop();
  watch_.lift_request_limit();
  std::optional<Error> failure;
  Direction up{watch_, failure};
  Direction down{watch_, failure};
  io::Scope passing;
  passing.spawn(pass(client_, attempt.stream(), up));
  passing.spawn(pass(attempt.stream(), client_, down));
  co_await passing.join();
  report_.bytes_from_client += up.bytes;
  report_.bytes_to_client += down.bytes;
  end_ = failure.value_or(Error{Reason::completed, Origin::downstream, 0, ""});
  if (!failure) co_return;
  client_.reset(*failure);
  co_await attempt.give_up(*failure);
}

io::Task<void> Exchange::refuse(Refused refused) {
  end_ = refused.why;
  // Whose connection is broken cannot be told anything.
  if (refused.why.origin == Origin::downstream) {
    client_.reset(refused.why);
    co_return;
  }
  co_await answer_local(refused.status, refused.text, refused.fields);
}

io::Task<void> Exchange::answer_local(std::uint16_t status, std::string_view text, std::string_view fields) {
  report_.status = status;
  std::string grpc;
  if (status >= 400 && is_grpc(HeadFields(request_))) {
    const bool late = end_ && end_->reason == Reason::request_timeout;
    grpc = grpc_fields(late ? kGrpcDeadlineExceeded : grpc_status(status), text).append(fields);
    status = 200;
    text = {};
    fields = grpc;
  }
  const LocalAnswer local(status, text, fields, asked_by(request_));
  answering_ = true;
  watch_.hands_over();
  const bool ends = local.text().empty();
  if (!ends) client_.hold_back();
  auto sent = co_await client_.answer(local.response(), to_client_.edits(), ends);
  if (sent && !ends) {
    client_.hold_back();
    sent = co_await client_.write_body(io::Chunk::copy_of(std::as_bytes(std::span(local.text()))));
    if (sent) sent = co_await client_.finish({});
  }
  if (!sent) client_.reset(sent.error());
}

void Exchange::report() {
  report_.retries = retries_done_;
  report_.bytes_from_client += body_.bytes();
  report_.end = end_.value_or(Error{Reason::internal_error, Origin::internal, 0, "request"});
  surroundings_.report(report_);
}

}  // namespace sluice::exchange
