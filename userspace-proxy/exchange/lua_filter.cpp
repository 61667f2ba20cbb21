// The Lua filters' part in the life of a request: before it is routed and tried, and before its answer goes
// to the client.
#include "exchange/lua_filter.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "exchange/exchange.h"
#include "exchange/lua_scripts.h"
#include "policy/table/route_index.h"

namespace sluice::exchange {
namespace {

using Kind = lua::Verdict::Kind;
using Side = LuaScripts::Side;

std::size_t bound_of(const policy::LuaFilter& filter) {
  return filter.body_limit == 0 ? kLuaBodyBytesMax : filter.body_limit;
}

void show_body(std::string_view bytes, std::size_t bound, lua::Message& message) {
  message.body_unread = false;
  message.body_too_long = bytes.size() > bound;
  if (!message.body_too_long) message.body = bytes;
}

constexpr std::string_view kClientCert = "x-forwarded-client-cert";

// What a client says of certificates is worth nothing; what the handshake proved is.
void show_client(const policy::Peer* peer, lua::Message& message) {
  std::erase_if(message.fields, [](const lua::Field& field) { return field.name == kClientCert; });
  if (peer == nullptr || peer->spiffe_uris.empty()) return;
  message.fields.push_back({std::string(kClientCert), "URI=" + peer->spiffe_uris.front()});
}

Reason reason_of(const lua::Verdict& verdict) {
  if (verdict.missed_body) return Reason::lua_body_too_long;
  if (verdict.not_loaded) return Reason::lua_not_loaded;
  if (verdict.kind == Kind::overrun) return Reason::lua_overrun;
  return verdict.kind == Kind::memory ? Reason::lua_memory : Reason::lua_failed;
}

}  // namespace

// A client's filters may change where its request goes; a server's see only what the server admits.
void Exchange::find_lua_filters(bool refused) {
  std::span<const policy::LuaFilter> filters;
  if (routes_ != nullptr) {
    filters = routes_->lua();
  } else if (const auto& server = endpoints_.application(); !refused && server && server->http() != nullptr) {
    filters = server->http()->lua;
  }
  if (filters.empty()) return;
  lua_ = std::make_unique<LuaState>();
  lua_->filters = filters;
}

// True: the request goes on.
io::Task<bool> Exchange::filter_request() {
  LuaScripts& scripts = surroundings_.lua();
  for (const policy::LuaFilter& filter : lua_->filters) {
    const LuaScripts::Place place{table_, surroundings_.workload(), filter};
    if (!scripts.sees(place, Side::request)) continue;
    bool read = request_.body.kind == http::BodyLength::Kind::none || request_.is_connect();
    lua::Verdict verdict;
    lua::Message message;
    while (true) {
      if (!read && (verdict.kind == Kind::wants_body || scripts.wants_body(place, Side::request))) {
        read = true;
        if (!co_await collect_request_body(bound_of(filter))) co_return false;
      }
      message = message_of(request_);
      if (client_.version() == codec::Version::http_2) message.protocol = "HTTP/2";
      message.peer = surroundings_.client().text();
      show_client(surroundings_.outbound() ? nullptr : surroundings_.peer(), message);
      message.body_unread = !read;
      if (read && !body_.ahead().empty()) show_body(body_.ahead(), bound_of(filter), message);
      verdict = scripts.run(place, Side::request, message);
      if (verdict.kind != Kind::wants_body) break;
    }
    if (verdict.kind == Kind::go_on && message.changed) {
      auto changed = lua_->heads.request(message, request_);
      if (changed) {
        request_ = *changed;
        request_changed_ = true;
      } else {
        verdict.kind = Kind::failed;
        scripts.complain(filter, changed.error());
      }
    }
    check_answer(filter, verdict);
    if (!co_await obey(filter, std::move(verdict))) co_return false;
  }
  co_return true;
}

// False: the client has failed and been dealt with.
io::Task<bool> Exchange::collect_request_body(std::size_t bound) {
  while (!body_.whole() && body_.ahead().size() <= bound) {
    const auto read = co_await body_.read_ahead();
    if (work_.cancelled()) co_return false;
    if (!read) {
      co_await refuse(refusal_of(read.error()));
      co_return false;
    }
    watch_.moved();
  }
  co_return true;
}

// Makes a failure of an answer that cannot be one.
void Exchange::check_answer(const policy::LuaFilter& filter, lua::Verdict& verdict) {
  if (verdict.kind != Kind::respond) return;
  const auto fields = answer_fields(verdict, request_.is_connect());
  if (fields) return;
  surroundings_.lua().complain(filter, fields.error());
  verdict.kind = Kind::failed;
}

// True: the message goes on as it is. The answer has been checked.
io::Task<bool> Exchange::obey(const policy::LuaFilter& filter, lua::Verdict verdict) {
  if (verdict.kind == Kind::go_on) co_return true;
  if (verdict.kind == Kind::respond) {
    const auto fields = answer_fields(verdict, request_.is_connect());
    report_.rule = &table_->rule(filter.rule);
    end_ = Error{Reason::lua_answered, Origin::policy, 0, "Lua filter"};
    co_await answer_local(verdict.status, verdict.body, *fields);
    co_return false;
  }
  if (filter.fail_open) {
    surroundings_.lua().passed_open();
    co_return true;
  }
  report_.rule = &table_->rule(filter.rule);
  const Error why{reason_of(verdict), Origin::policy, 0, "Lua filter"};
  if (verdict.missed_body) {
    co_await refuse({413, why, "the body is longer than a filter may see\n"});
  } else {
    co_await refuse({500, why, "a filter failed\n"});
  }
  co_return false;
}

// True: the answer goes on. Otherwise the attempt has been given up and the client answered.
io::Task<bool> Exchange::filter_answer(Attempt& attempt, http::Response& response) {
  LuaScripts& scripts = surroundings_.lua();
  const http::Asked asked{
      .head = request_.is_head(), .connect = request_.is_connect(), .upgrade = request_.upgrade};
  for (const policy::LuaFilter& filter : std::views::reverse(lua_->filters)) {
    const LuaScripts::Place place{table_, surroundings_.workload(), filter};
    if (!scripts.sees(place, Side::response)) continue;
    const auto body_kind = response.body.kind;
    bool read = body_kind == http::BodyLength::Kind::none || body_kind == http::BodyLength::Kind::tunnel;
    lua::Verdict verdict;
    lua::Message message;
    while (true) {
      if (!read && (verdict.kind == Kind::wants_body || scripts.wants_body(place, Side::response))) {
        read = true;
        if (!co_await collect_answer_body(attempt, bound_of(filter))) co_return false;
      }
      message = message_of(response);
      message.peer = surroundings_.client().text();
      message.body_unread = !read;
      if (read && !lua_->answer.empty()) show_body(lua_->answer, bound_of(filter), message);
      verdict = scripts.run(place, Side::response, message);
      if (verdict.kind != Kind::wants_body) break;
    }
    if (verdict.kind == Kind::go_on && message.changed) {
      auto changed = lua_->heads.response(message, response, asked);
      if (changed) {
        response = *changed;
      } else {
        verdict.kind = Kind::failed;
        scripts.complain(filter, changed.error());
      }
    }
    check_answer(filter, verdict);
    const bool goes_on = verdict.kind == Kind::go_on || (verdict.broken() && filter.fail_open);
    if (!goes_on) {
      co_await attempt.give_up(Error{reason_of(verdict), Origin::policy, 0, "Lua filter"});
      body_.stop_keeping();
    }
    if (!co_await obey(filter, std::move(verdict))) co_return false;
  }
  co_return true;
}

// False: the endpoint has failed and the client been told.
io::Task<bool> Exchange::collect_answer_body(Attempt& attempt, std::size_t bound) {
  while (!lua_->answer_whole && lua_->answer.size() <= bound) {
    auto part = co_await attempt.stream().read_body();
    if (work_.cancelled()) co_return false;
    if (!part) {
      co_await attempt.give_up(part.error());
      co_await refuse(refusal_of(part.error()));
      co_return false;
    }
    watch_.moved();
    const auto bytes = part->data.bytes();
    lua_->answer.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    lua_->answer_whole = part->last;
    if (part->last) lua_->answer_trailers = std::move(part->trailers);
  }
  co_return true;
}

}  // namespace sluice::exchange
