#include "tls/records.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace sluice::tls {
namespace {

constexpr std::size_t kHeader = 5;
constexpr std::size_t kOverhead = kHeader + 1 + kTagSize;
constexpr std::size_t kCiphertextMax = Records::kPlaintextMax + 256;  // RFC 8446 5.2
constexpr std::uint64_t kRekeyAfter = 1u << 23;  // below the limit of AES-GCM (RFC 8446 5.5)
constexpr std::size_t kKeyUpdateSize = 5;
constexpr std::size_t kAlertSize = 2;

namespace alert {
constexpr std::uint8_t close_notify = 0;
constexpr std::uint8_t unexpected_message = 10;
constexpr std::uint8_t bad_record_mac = 20;
constexpr std::uint8_t record_overflow = 22;
constexpr std::uint8_t illegal_parameter = 47;
constexpr std::uint8_t decode_error = 50;
constexpr std::uint8_t internal_error = 80;
constexpr std::uint8_t user_canceled = 90;
}  // namespace alert

constexpr std::uint8_t kNewSessionTicket = 4;
constexpr std::uint8_t kKeyUpdate = 24;

std::size_t length_at(std::span<const std::byte> header) {
  return std::to_integer<std::size_t>(header[3]) << 8 | std::to_integer<std::size_t>(header[4]);
}

}  // namespace

Nonce Records::Direction::next_nonce() {
  Nonce nonce = key.iv;
  for (std::size_t i = 0; i < sizeof sequence; ++i)
    nonce[kNonceSize - 1 - i] ^= static_cast<std::byte>(sequence >> (8 * i));
  ++sequence;
  return nonce;
}

bool Records::Direction::update(AeadHome home) {
  if (!secret.advance()) return false;
  key = secret.key(home);
  sequence = 0;
  return key.cipher != nullptr;
}

// After a rest. False: no cipher can be had.
bool Records::Direction::wake(AeadHome home) {
  if (!key.cipher) key = secret.key(home);
  return key.cipher != nullptr;
}

Records::Records(const Start& start, TicketReader* tickets)
    : home_(start.home),
      peer_(start.peer),
      read_{TrafficSecret(start.suite, start.read_secret), {}, 0},
      write_{TrafficSecret(start.suite, start.write_secret), {}, start.written},
      tickets_(tickets) {
  read_.key = read_.secret.key(home_);
  write_.key = write_.secret.key(home_);
}

std::unique_ptr<Records> Records::make(const Start& start, TicketReader* tickets) {
  std::unique_ptr<Records> out(new Records(start, tickets));
  if (!out->read_.key.cipher || !out->write_.key.cipher) return nullptr;
  return out;
}

void Records::rest() {
  read_.key.cipher.reset();
  write_.key.cipher.reset();
}

// ---- reading

void Records::refuse(std::uint8_t alert, Reason reason, const char* step) {
  if (!failure_) failure_ = Error{reason, peer_, 0, step};
  if (!alert_) alert_ = alert;
}

// The size of the record that `bytes` begin with, when its header is there. Zero after a refusal.
std::optional<std::size_t> Records::record_size(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeader) return std::nullopt;
  const std::size_t length = length_at(bytes);
  if (bytes[0] != static_cast<std::byte>(Type::application_data)) {
    refuse(alert::unexpected_message, Reason::tls_protocol_error, "TLS record type");
    return 0;
  }
  if (length > kCiphertextMax || length <= kTagSize) {
    refuse(length > kCiphertextMax ? alert::record_overflow : alert::decode_error, Reason::tls_protocol_error,
           "TLS record length");
    return 0;
  }
  return kHeader + length;
}

Result<io::Chunk> Records::open(io::Chunk input) {
  if (failure_) return std::unexpected(*failure_);
  if (peer_closed_) return io::Chunk();
  if (!read_.wake(home_)) {
    refuse(alert::internal_error, Reason::internal_error, "TLS read");
    return std::unexpected(*failure_);
  }
  const auto single = carry_.empty() ? record_size(input.bytes()) : std::nullopt;
  if (single && *single == input.size()) {  // as a rule when messages are small: decrypted where it lies
    const std::size_t size = open_record(input.bytes(), input.writable().data() + kHeader);
    if (failure_) return std::unexpected(*failure_);
    if (size == 0) return io::Chunk();
    input.consume(kHeader);
    input.prefix(size);
    return input;
  }
  io::Chunk out = io::Chunk::heap(carry_.size() + input.size());
  std::size_t filled = 0;
  for (auto rest = input.writable(); !failure_ && !peer_closed_;) {
    const auto record = next_record(rest);
    if (record.empty()) break;
    filled += open_record(record, out.writable().data() + filled);
    if (!carry_.empty()) carry_ = {};
  }
  if (failure_ && filled == 0) return std::unexpected(*failure_);
  if (filled == 0) return io::Chunk();
  out.prefix(filled);
  return out;
}

// The next whole record, from carry_ or from `rest`, which loses what was taken. Empty: there is none yet.
std::span<std::byte> Records::next_record(std::span<std::byte>& rest) {
  const auto top_up = [&](std::size_t size) {
    const auto taken = rest.first(std::min(rest.size(), size - std::min(size, carry_.size())));
    carry_.insert(carry_.end(), taken.begin(), taken.end());
    rest = rest.subspan(taken.size());
    return carry_.size() >= size;
  };
  if (carry_.empty()) {
    const auto size = record_size(rest);
    if (size && *size > 0 && *size <= rest.size()) {
      const auto record = rest.first(*size);
      rest = rest.subspan(*size);
      return record;
    }
    if (failure_ || rest.empty()) return {};
  }
  if (!top_up(kHeader)) return {};
  const auto size = record_size(carry_);
  if (!size || *size == 0) return {};
  carry_.reserve(*size);
  return top_up(*size) ? std::span(carry_) : std::span<std::byte>();
}

bool Records::open_sealed(std::span<const std::byte> record, std::byte* out) {
  return read_.key.cipher->open(read_.next_nonce(), record.first(kHeader), record.subspan(kHeader), out);
}

// Decrypts to `out`, which has room for the record's body, and returns how much of that is application data.
std::size_t Records::open_record(std::span<const std::byte> record, std::byte* out) {
  std::vector<std::byte> as_it_came;
  if (tickets_ != nullptr) as_it_came.assign(record.begin(), record.end());
  std::size_t size = record.size() - kHeader - kTagSize;
  if (!open_sealed(record, out)) {
    refuse(alert::bad_record_mac, Reason::tls_protocol_error, "TLS record");
    return 0;
  }
  while (size > 0 && out[size - 1] == std::byte{0}) --size;  // padding
  if (size == 0) {
    refuse(alert::unexpected_message, Reason::tls_protocol_error, "TLS record without a type");
    return 0;
  }
  const auto type = static_cast<Type>(out[--size]);
  if (size > kPlaintextMax) {
    refuse(alert::record_overflow, Reason::tls_protocol_error, "TLS record length");
    return 0;
  }
  if (tickets_ != nullptr) {
    // One ticket is enough; it comes before anything else or not at all.
    if (type == Type::handshake) tickets_->read_ticket(as_it_came);
    std::exchange(tickets_, nullptr)->no_more_tickets();
  }
  const std::span content(out, size);
  switch (type) {
    case Type::application_data:
      if (skip_handshake_ == 0) return size;
      break;
    case Type::alert:
      on_alert(content);
      return 0;
    case Type::handshake:
      on_handshake(content);
      return 0;
  }
  refuse(alert::unexpected_message, Reason::tls_protocol_error, "TLS record type");
  return 0;
}

void Records::on_alert(std::span<const std::byte> content) {
  if (content.size() != kAlertSize)
    return refuse(alert::decode_error, Reason::tls_protocol_error, "TLS alert");
  const auto code = std::to_integer<std::uint8_t>(content[1]);
  if (code == alert::close_notify) {
    peer_closed_ = true;
  } else if (code != alert::user_canceled && !failure_) {
    failure_ = Error{Reason::tls_handshake_failed, peer_, 0, "TLS alert from the peer"};
  }
}

// Tickets beyond the first are dropped; anything but tickets and key updates is refused.
void Records::on_handshake(std::span<const std::byte> content) {
  if (content.empty()) return refuse(alert::unexpected_message, Reason::tls_protocol_error, "TLS message");
  const auto skipped = std::min(skip_handshake_, content.size());
  skip_handshake_ -= skipped;
  content = content.subspan(skipped);
  while (!content.empty() && !failure_) {
    constexpr std::size_t kMessageHeader = 4;
    if (content.size() < kMessageHeader)
      return refuse(alert::decode_error, Reason::tls_protocol_error, "TLS message");
    const auto type = std::to_integer<std::uint8_t>(content[0]);
    const std::size_t length = std::to_integer<std::size_t>(content[1]) << 16 |
                               std::to_integer<std::size_t>(content[2]) << 8 |
                               std::to_integer<std::size_t>(content[3]);
    content = content.subspan(kMessageHeader);
    const auto here = content.first(std::min(length, content.size()));
    content = content.subspan(here.size());
    if (type == kKeyUpdate && here.size() == length) {
      on_key_update(here, content.empty());
    } else if (type == kNewSessionTicket) {
      skip_handshake_ = length - here.size();
    } else {
      refuse(alert::unexpected_message, Reason::tls_protocol_error, "TLS message");
    }
  }
}

void Records::on_key_update(std::span<const std::byte> body, bool last) {
  if (body.size() != 1 || std::to_integer<unsigned>(body[0]) > 1)
    return refuse(alert::illegal_parameter, Reason::tls_protocol_error, "TLS KeyUpdate");
  // Keys change between records, never inside one.
  if (!last) return refuse(alert::unexpected_message, Reason::tls_protocol_error, "TLS KeyUpdate");
  if (!read_.update(home_)) return refuse(alert::internal_error, Reason::internal_error, "TLS KeyUpdate");
  if (body[0] == std::byte{1}) update_wanted_ = true;  // several requests share one answer
}

// ---- writing

// Nothing may be written any more when the cipher cannot be had.
bool Records::can_seal() {
  if (closed_ || write_.wake(home_)) return !closed_;
  closed_ = true;
  failure_ = Error{Reason::internal_error, Origin::internal, 0, "TLS write"};
  return false;
}

std::byte* Records::seal_record(Type type, std::span<const std::byte> content, std::byte* out) {
  const std::size_t body = content.size() + 1 + kTagSize;
  const std::array<std::byte, kHeader> header{static_cast<std::byte>(Type::application_data), std::byte{3},
                                              std::byte{3}, static_cast<std::byte>(body >> 8),
                                              static_cast<std::byte>(body)};
  std::memcpy(out, header.data(), kHeader);
  write_.key.cipher->seal(write_.next_nonce(), header, content, static_cast<std::byte>(type), out + kHeader);
  return out + kHeader + body;
}

std::size_t Records::notice_size() const {
  return (update_wanted_ || write_.sequence >= kRekeyAfter ? kKeyUpdateSize + kOverhead : 0) +
         (alert_ ? kAlertSize + kOverhead : 0);
}

// Precondition: room for notice_size().
std::byte* Records::seal_notice(std::byte* out) {
  if (update_wanted_ || write_.sequence >= kRekeyAfter) {
    constexpr std::array<std::byte, kKeyUpdateSize> kMessage{std::byte{kKeyUpdate}, std::byte{0},
                                                             std::byte{0}, std::byte{1}, std::byte{0}};
    out = seal_record(Type::handshake, kMessage, out);
    update_wanted_ = false;
    if (!write_.update(home_)) {  // nothing may be written under the old key now
      closed_ = true;
      failure_ = Error{Reason::internal_error, Origin::internal, 0, "TLS KeyUpdate"};
      return out;
    }
  }
  if (alert_) {
    const std::array<std::byte, kAlertSize> message{std::byte{2}, static_cast<std::byte>(*alert_)};
    out = seal_record(Type::alert, message, out);
    closed_ = true;
  }
  return out;
}

io::Chunk Records::seal(std::span<const std::byte> plaintext) {
  if (!can_seal()) return {};
  const std::size_t records = (plaintext.size() + kPlaintextMax - 1) / kPlaintextMax;
  const std::size_t size = notice_size() + plaintext.size() + records * kOverhead;
  if (size == 0) return {};
  io::Chunk out = io::Chunk::heap(size);
  std::byte* const begin = out.writable().data();
  std::byte* at = seal_notice(begin);
  while (!plaintext.empty() && !closed_) {
    const auto part = plaintext.first(std::min(plaintext.size(), kPlaintextMax));
    at = seal_record(Type::application_data, part, at);
    plaintext = plaintext.subspan(part.size());
  }
  out.prefix(static_cast<std::size_t>(at - begin));
  return out;
}

io::Chunk Records::seal_close() {
  if (!can_seal()) return {};
  io::Chunk out = io::Chunk::heap(notice_size() + kAlertSize + kOverhead);
  std::byte* const begin = out.writable().data();
  std::byte* at = seal_notice(begin);
  if (!closed_) {
    constexpr std::array<std::byte, kAlertSize> kMessage{std::byte{1}, std::byte{alert::close_notify}};
    at = seal_record(Type::alert, kMessage, at);
    closed_ = true;
  }
  out.prefix(static_cast<std::size_t>(at - begin));
  return out;
}

}  // namespace sluice::tls
