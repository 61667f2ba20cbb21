// Only built where libipsec-mb is (x86-64). Its functions are stateless; the manager is a table of the ones
// that suit this processor.
#include <intel-ipsec-mb.h>
#include <link.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tls/aead.h"

namespace sluice::tls {
namespace {

// Called for each library; `address` lies in the one that is meant.
int unmap_if_inside(dl_phdr_info* library, std::size_t, void* address) {
  const std::span segments(library->dlpi_phdr, library->dlpi_phnum);
  const auto begin = [library](const ElfW(Phdr) & segment) { return library->dlpi_addr + segment.p_vaddr; };
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  const bool inside = std::ranges::any_of(segments, [&](const ElfW(Phdr) & segment) {
    return segment.p_type == PT_LOAD && wanted - begin(segment) < segment.p_memsz;
  });
  if (!inside) return 0;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const auto& segment : segments) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t first = begin(segment) & ~(page - 1);
    const std::uintptr_t end = begin(segment) + segment.p_memsz;
    // A hint: whatever comes of it, the bytes stay what they are.
    (void)::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
  }
  return 1;
}

// The library tests itself when it is made ready, and so maps three megabytes of code of which we use a
// twentieth. What is used comes back from the page cache.
void unmap_unused_code(const IMB_MGR& manager) {
  ::dl_iterate_phdr(unmap_if_inside, reinterpret_cast<void*>(manager.gcm128_pre));
}

IMB_MGR* make_manager() {
  IMB_MGR* manager = alloc_mb_mgr(0);
  if (manager == nullptr) return nullptr;
  init_mb_mgr_auto(manager, nullptr);
  unmap_unused_code(*manager);
  if (imb_get_errno(manager) == 0) return manager;
  free_mb_mgr(manager);
  return nullptr;
}

const std::uint8_t* raw(const std::byte* at) {
  return reinterpret_cast<const std::uint8_t*>(at);
}
std::uint8_t* raw(std::byte* at) {
  return reinterpret_cast<std::uint8_t*>(at);
}

template <bool is_128>
class GcmAead final : public Aead {
 public:
  GcmAead(IMB_MGR* manager, std::span<const std::byte> key) : manager_(manager) {
    if constexpr (is_128) {
      IMB_AES128_GCM_PRE(manager, key.data(), &key_);
    } else {
      IMB_AES256_GCM_PRE(manager, key.data(), &key_);
    }
  }
  ~GcmAead() override { OPENSSL_cleanse(&key_, sizeof key_); }
  GcmAead(const GcmAead&) = delete;
  GcmAead& operator=(const GcmAead&) = delete;

  void seal(const Nonce& nonce, std::span<const std::byte> associated, std::span<const std::byte> content,
            std::byte last, std::byte* out) override {
    gcm_context_data context;
    begin(context, nonce, associated);
    std::uint8_t* body = raw(out);
    std::uint8_t* end = body + content.size();
    if constexpr (is_128) {
      if (!content.empty())
        IMB_AES128_GCM_ENC_UPDATE(manager_, &key_, &context, body, raw(content.data()), content.size());
      IMB_AES128_GCM_ENC_UPDATE(manager_, &key_, &context, end, raw(&last), 1);
      IMB_AES128_GCM_ENC_FINALIZE(manager_, &key_, &context, end + 1, kTagSize);
    } else {
      if (!content.empty())
        IMB_AES256_GCM_ENC_UPDATE(manager_, &key_, &context, body, raw(content.data()), content.size());
      IMB_AES256_GCM_ENC_UPDATE(manager_, &key_, &context, end, raw(&last), 1);
      IMB_AES256_GCM_ENC_FINALIZE(manager_, &key_, &context, end + 1, kTagSize);
    }
  }

  bool open(const Nonce& nonce, std::span<const std::byte> associated, std::span<const std::byte> sealed,
            std::byte* out) override {
    gcm_context_data context;
    begin(context, nonce, associated);
    const std::size_t size = sealed.size() - kTagSize;
    std::array<std::uint8_t, kTagSize> tag{};
    if constexpr (is_128) {
      if (size > 0) IMB_AES128_GCM_DEC_UPDATE(manager_, &key_, &context, raw(out), raw(sealed.data()), size);
      IMB_AES128_GCM_DEC_FINALIZE(manager_, &key_, &context, tag.data(), kTagSize);
    } else {
      if (size > 0) IMB_AES256_GCM_DEC_UPDATE(manager_, &key_, &context, raw(out), raw(sealed.data()), size);
      IMB_AES256_GCM_DEC_FINALIZE(manager_, &key_, &context, tag.data(), kTagSize);
    }
    return CRYPTO_memcmp(tag.data(), sealed.data() + size, kTagSize) == 0;
  }

 private:
  void begin(gcm_context_data& context, const Nonce& nonce, std::span<const std::byte> associated) {
    if constexpr (is_128) {
      IMB_AES128_GCM_INIT(manager_, &key_, &context, raw(nonce.data()), raw(associated.data()),
                          associated.size());
    } else {
      IMB_AES256_GCM_INIT(manager_, &key_, &context, raw(nonce.data()), raw(associated.data()),
                          associated.size());
    }
  }

  IMB_MGR* manager_;
  gcm_key_data key_;
};

}  // namespace

std::unique_ptr<Aead> make_ipsec_mb_aead(Suite suite, std::span<const std::byte> key) {
  static IMB_MGR* const manager = make_manager();
  if (manager == nullptr) return nullptr;
  switch (suite) {
    case Suite::aes_128_gcm:
      return std::make_unique<GcmAead<true>>(manager, key);
    case Suite::aes_256_gcm:
      return std::make_unique<GcmAead<false>>(manager, key);
    case Suite::chacha20_poly1305:  // chosen only by machines without AES instructions: EVP does it as well
      return nullptr;
  }
  return nullptr;
}

}  // namespace sluice::tls
