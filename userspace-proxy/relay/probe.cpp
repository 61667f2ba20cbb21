#include "relay/probe.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "exchange/grpc.h"
#include "exchange/own_request.h"

namespace sluice::relay {
namespace {

using policy::HealthCheck;
using upstream::ProbeResult;

constexpr std::size_t kAnswerBytesMax = 64 * 1024;
constexpr std::string_view kGrpcPath = "/grpc.health.v1.Health/Check";
constexpr std::uint16_t kGood = 200;

// A length-prefixed gRPC message that holds a HealthCheckRequest: field 1, the service's name.
std::string grpc_question(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message.push_back(0x0a);
    for (std::size_t left = service.size();; left >>= 7U) {
      const bool more = left >= 0x80;
      message.push_back(static_cast<char>((left & 0x7fU) | (more ? 0x80U : 0U)));
      if (!more) break;
    }
    message.append(service);
  }
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    framed.push_back(static_cast<char>((message.size() >> static_cast<unsigned>(shift)) & 0xffU));
  return framed + message;
}

// HealthCheckResponse: field 1 is SERVING (1).
bool says_serving(std::string_view framed) {
  constexpr std::size_t kPrefix = 5;
  return framed.size() >= kPrefix + 2 && framed.substr(kPrefix, 2) == std::string_view("\x08\x01", 2);
}

std::string head_of(const HealthCheck& check, const std::string& authority, std::size_t body) {
  const bool grpc = check.kind == HealthCheck::Kind::grpc;
  const std::string& host = grpc && !check.grpc_authority.empty() ? check.grpc_authority : authority;
  std::string head = grpc ? "POST " : "GET ";
  head.append(grpc ? kGrpcPath : std::string_view(check.path)).append(" HTTP/1.1\r\n");
  const auto sets = [&check](std::string_view name) {
    return std::ranges::any_of(check.headers.set, [name](const auto& one) { return one.name == name; });
  };
  if (!sets("host")) head.append("host: ").append(host).append("\r\n");
  if (!sets("user-agent")) head.append("user-agent: Sluice/HealthCheck\r\n");
  for (const auto* list : {&check.headers.set, &check.headers.add})
    for (const auto& field : *list) head.append(field.name).append(": ").append(field.value).append("\r\n");
  if (grpc) head.append("content-type: application/grpc\r\nte: trailers\r\n");
  if (body != 0) head.append("content-length: ").append(std::to_string(body)).append("\r\n");
  return head.append("\r\n");
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

struct Answer {
  std::string body;
  std::string trailers;
};

io::Task<Result<Answer>> read_whole(codec::ClientStream& stream) {
  Answer answer;
  while (true) {
    auto part = co_await stream.read_body();
    if (!part) co_return std::unexpected(part.error());
    if (answer.body.size() + part->data.size() > kAnswerBytesMax)
      co_return fail(Reason::http_protocol_error, Origin::upstream, "answer to a probe too long");
    answer.body.append(reinterpret_cast<const char*>(part->data.bytes().data()), part->data.size());
    if (!part->last) continue;
    answer.trailers = std::move(part->trailers);
    co_return answer;
  }
}

ProbeOutcome judge(const HealthCheck& check, std::uint16_t status, const Answer& answer) {
  if (check.kind == HealthCheck::Kind::grpc) {
    const bool serving =
        status == kGood && exchange::told_grpc_status(answer.trailers) == 0U && says_serving(answer.body);
    return {serving ? ProbeResult::healthy : ProbeResult::unhealthy, serving ? "serving" : "not serving"};
  }
  const bool good = check.expected_statuses.empty()
                        ? status == kGood
                        : std::ranges::find(check.expected_statuses, status) != check.expected_statuses.end();
  return {good ? ProbeResult::healthy : ProbeResult::unhealthy, "status " + std::to_string(status)};
}

}  // namespace

io::Task<Result<ProbeOutcome>> probe_requests(codec::ClientStream& stream, const HealthCheck& check,
                                              std::string authority) {
  const bool grpc = check.kind == HealthCheck::Kind::grpc;
  const std::string body = grpc ? grpc_question(check.grpc_service) : std::string();
  const exchange::OwnRequest own(head_of(check, authority, body.size()));
  if (!own.valid())
    co_return ProbeOutcome{ProbeResult::unknown, "the policy's path or headers make no request"};
  auto sent = co_await stream.send(own.request(), {}, body.empty());
  if (sent && !body.empty()) sent = co_await stream.write_body(io::Chunk::copy_of(bytes_of(body)));
  if (sent && !body.empty()) sent = co_await stream.finish({});
  if (!sent) co_return std::unexpected(sent.error());
  Result<const http::Response*> head = nullptr;
  do {
    head = co_await stream.answer();
    if (!head) co_return std::unexpected(head.error());
  } while ((*head)->interim());
  const std::uint16_t status = (*head)->status;
  Answer answer;
  if ((*head)->body.kind != http::BodyLength::Kind::none) {
    auto whole = co_await read_whole(stream);
    if (!whole) co_return std::unexpected(whole.error());
    answer = std::move(*whole);
  }
  co_return judge(check, status, answer);
}

io::Task<Result<ProbeOutcome>> probe_bytes(io::Stream& stream, const HealthCheck& check) {
  if (!check.send.empty()) {
    const auto sent = co_await stream.write(bytes_of(check.send));
    if (!sent) co_return std::unexpected(sent.error());
  }
  std::string got;
  std::size_t from = 0;
  for (const std::string& wanted : check.receive) {
    std::size_t at = got.find(wanted, from);
    while (at == std::string::npos) {
      const auto chunk = co_await stream.read();
      if (!chunk) co_return std::unexpected(chunk.error());
      if (chunk->empty() || got.size() + chunk->size() > kAnswerBytesMax)
        co_return ProbeOutcome{ProbeResult::failed, "another answer than the policy expects"};
      got.append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
      at = got.find(wanted, from);
    }
    from = at + wanted.size();
  }
  co_return ProbeOutcome{ProbeResult::healthy, check.receive.empty() ? "connected" : "answered"};
}

}  // namespace sluice::relay
