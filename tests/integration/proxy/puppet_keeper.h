// Plays keeper and agent towards a real sluice-proxy process: hands it listeners, sockets and snapshots. All
// sockets live in one private network namespace whose lo carries the addresses of every workload.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/credentials_image.h"
#include "base/flight.h"
#include "base/message.h"
#include "base/workload.h"
#include "policy/table/image.h"
#include "tests/support/netns.h"

namespace sluice::test {

// A TCP listener in `netns`, for programs that the test plays itself.
Fd listen_in(const Netns& netns, const SocketAddr& at);
// A connected socket, bound to `source` when that has an address; invalid when refused. Reads time out after
// 5 s.
Fd connect_in(const Netns& netns, const SocketAddr& to, const SocketAddr& source = {});
Fd accept_from(const Fd& listener);
std::uint16_t port_of(const Fd& socket);
SocketAddr peer_of(const Fd& socket);
void write_text(const Fd& socket, std::string_view text);
// Until `size` bytes, the end, or an error ("<errno NAME>" is appended).
std::string read_text(const Fd& socket, std::size_t size);

class PuppetKeeper {
 public:
  PuppetKeeper(const Netns& netns, const char* binary, std::vector<std::string> arguments = {});
  // Ends the process if it still runs.
  ~PuppetKeeper();
  PuppetKeeper(const PuppetKeeper&) = delete;
  PuppetKeeper& operator=(const PuppetKeeper&) = delete;

  // Opens a listener and hands it over; returns its port.
  std::uint16_t add_listener(WorkloadId workload, message::ListenerSlot slot);
  void remove_workload(WorkloadId workload);
  // Waits for the verdict; empty when accepted.
  std::string send_table(const policy::TableImage& image);
  std::string send_credentials(const CredentialsImage& image);
  std::string send_section(message::SectionKind kind, std::span<const std::byte> bytes);

  FlightReader& flight() { return *flight_; }
  // The finished record with this client port, once it is there.
  FlightRow finished(std::uint16_t client_port);
  // SIGTERM; the exit status.
  int stop();
  pid_t pid() const { return pid_; }

 private:
  void serve_sockets();

  const Netns& netns_;
  Fd channel_;
  Fd link_;
  std::optional<FlightReader> flight_;
  pid_t pid_ = -1;
  std::uint64_t version_ = 0;
  std::thread sockets_;
};

}  // namespace sluice::test
