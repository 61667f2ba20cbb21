#include "base/message.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::message {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// Takes every descriptor out of the control data, so that none leaks whatever the verdict on the packet is.
std::vector<Fd> collect_fds(msghdr& message) {
  std::vector<Fd> fds;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Outcome<> send(int socket, const Header& header, std::span<const std::byte> body, std::span<const int> fds) {
  if (sizeof(Header) + body.size() > kMaxBytes || fds.size() > kMaxFds) return fault("message is too large");
  Header copy = header;
  iovec parts[2] = {{&copy, sizeof copy}, {const_cast<std::byte*>(body.data()), body.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control{};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return fault_errno("cannot send a message", errno);
  }
  return {};
}

Outcome<Packet> receive(int socket) {
  std::array<std::byte, kMaxBytes> buffer;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control;
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return fault_errno("cannot receive a message", errno);
  Packet packet;
  packet.fds = collect_fds(message);  // an empty packet can carry descriptors too
  if (size == 0) return fault("the other side closed the channel");
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return fault("message was truncated");
  if (static_cast<std::size_t>(size) < sizeof(Header)) return fault("message is too short");
  std::memcpy(&packet.header, buffer.data(), sizeof(Header));
  if (packet.header.magic != kMagic) return fault("message comes from another version of Sluice");
  packet.body.assign(buffer.begin() + sizeof(Header), buffer.begin() + size);
  return packet;
}

Outcome<Fd> sealed_memfd(const char* name, std::span<const std::byte> bytes) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fault_errno("cannot make a memfd", errno);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fault_errno("cannot fill a memfd", errno);
    done += static_cast<std::size_t>(n);
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return fault_errno("cannot seal a memfd", errno);
  return fd;
}

Outcome<std::vector<std::byte>> read_sealed(int memfd, std::size_t size, std::size_t max_bytes) {
  if (size > max_bytes) return fault("section is larger than the limit");
  const int seals = ::fcntl(memfd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) return fault("section is not a sealed memfd");
  struct stat info{};
  if (::fstat(memfd, &info) != 0 || static_cast<std::size_t>(info.st_size) != size)
    return fault("section has another size than announced");
  std::vector<std::byte> bytes(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(memfd, bytes.data() + done, size - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fault_errno("cannot read a section", n == 0 ? EIO : errno);
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

}  // namespace sluice::message
