// Records: TLS 1.3's record protocol once the handshake is over (RFC 8446 5, 4.6.3, 6), for both directions
// of one connection. OpenSSL makes the handshake and hands over the traffic secrets; its own record layer
// costs a microsecond a record and 19 KB a connection (docs/adr/0004). Bytes in, bytes out: no socket inside;
// used by one thread.
//
//   open(ciphertext as it comes)   plaintext, empty while more is needed or after the peer's close_notify
//   seal(plaintext)                records for the socket, in this order
//
// What must be told to the peer besides data (the answer to a KeyUpdate, an alert) goes before the next
// sealed bytes; has_notice() asks for a seal({}) when nothing else is to be sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "io/buffer.h"
#include "tls/traffic_secret.h"

namespace sluice::tls {

// Who understands the server's session tickets: the handshake's owner.
class TicketReader {
 public:
  // One whole record with handshake messages in it, as it came from the wire.
  virtual void read_ticket(std::span<const std::byte> record) = 0;
  // No further record will be shown.
  virtual void no_more_tickets() = 0;

 protected:
  ~TicketReader() = default;
};

class Records {
 public:
  static constexpr std::size_t kPlaintextMax = 16u << 10;

  struct Start {
    Suite suite = Suite::aes_128_gcm;
    std::span<const std::byte> read_secret;
    std::span<const std::byte> write_secret;
    std::uint64_t written = 0;  // records that were sealed with write_secret already (session tickets)
    Origin peer = Origin::downstream;
    AeadHome home = AeadHome::best;
  };
  // `tickets` may be null; outlives this. Null: no cipher could be made.
  static std::unique_ptr<Records> make(const Start& start, TicketReader* tickets);

  // Takes all of `input`. Good bytes in front of bad ones are delivered first: then failure() is set.
  Result<io::Chunk> open(io::Chunk input);
  io::Chunk seal(std::span<const std::byte> plaintext);
  // Ends our direction; seal() gives nothing afterwards.
  io::Chunk seal_close();

  // Lets go of both ciphers (a kilobyte each); the next open() or seal() makes them again.
  void rest();

  bool has_notice() const { return (update_wanted_ || alert_) && !closed_; }
  bool peer_closed() const { return peer_closed_; }
  const std::optional<Error>& failure() const { return failure_; }
  // What an end of input without close_notify is.
  Error cut_short(const char* step) const {
    return {peer_ == Origin::downstream ? Reason::client_reset : Reason::upstream_reset, peer_, 0, step};
  }

 private:
  enum class Type : std::uint8_t { alert = 21, handshake = 22, application_data = 23 };
  struct Direction {
    TrafficSecret secret;
    RecordKey key;
    std::uint64_t sequence = 0;

    Nonce next_nonce();
    bool update(AeadHome home);
    bool wake(AeadHome home);
  };

  Records(const Start& start, TicketReader* tickets);
  std::optional<std::size_t> record_size(std::span<const std::byte> bytes);
  std::size_t open_record(std::span<const std::byte> record, std::byte* out);
  bool open_sealed(std::span<const std::byte> record, std::byte* out);
  std::span<std::byte> next_record(std::span<std::byte>& rest);
  void on_alert(std::span<const std::byte> content);
  void on_handshake(std::span<const std::byte> content);
  void on_key_update(std::span<const std::byte> body, bool last);
  void refuse(std::uint8_t alert, Reason reason, const char* step);
  bool can_seal();
  std::size_t notice_size() const;
  std::byte* seal_notice(std::byte* out);
  std::byte* seal_record(Type type, std::span<const std::byte> content, std::byte* out);

  AeadHome home_;
  Origin peer_;
  Direction read_;
  Direction write_;
  TicketReader* tickets_;
  std::vector<std::byte> carry_;    // the beginning of a record whose rest has not come
  std::size_t skip_handshake_ = 0;  // bytes of a ticket that goes on in the next record
  std::optional<Error> failure_;
  std::optional<std::uint8_t> alert_;  // to be sent
  bool update_wanted_ = false;         // the peer asked for a KeyUpdate of ours
  bool peer_closed_ = false;
  bool closed_ = false;
};

}  // namespace sluice::tls
