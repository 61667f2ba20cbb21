#include "tls/library.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/memory_reserve.h"

namespace sluice::tls {
namespace {

// The default provider in OpenSSL's own context does the work; its algorithms are handed on.
OSSL_PROVIDER* original() {
  static OSSL_PROVIDER* const provider = OSSL_PROVIDER_load(nullptr, "default");
  return provider;
}

bool decodes_leaf_keys(const OSSL_ALGORITHM& decoder) {
  const std::string_view names(decoder.algorithm_names);
  const std::string_view properties(decoder.property_definition);
  constexpr std::string_view kKeys[] = {"EC", "RSA", "RSA-PSS", "ED25519", "ED448"};
  return std::ranges::find(kKeys, names.substr(0, names.find(':'))) != std::end(kKeys) &&
         properties.find("structure=SubjectPublicKeyInfo") != properties.npos;
}

std::vector<OSSL_ALGORITHM> leaf_key_decoders() {
  std::vector<OSSL_ALGORITHM> out;
  int no_cache = 0;
  const auto* all = OSSL_PROVIDER_query_operation(original(), OSSL_OP_DECODER, &no_cache);
  for (; all != nullptr && all->algorithm_names != nullptr; ++all)
    if (decodes_leaf_keys(*all)) out.push_back(*all);
  out.push_back({});
  return out;
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
  if (operation == OSSL_OP_ENCODER || operation == OSSL_OP_STORE) return nullptr;
  if (operation != OSSL_OP_DECODER) return OSSL_PROVIDER_query_operation(original(), operation, no_cache);
  static const std::vector<OSSL_ALGORITHM> decoders = leaf_key_decoders();
  *no_cache = 0;
  return decoders.data();
}

// Groups that TLS may use are told this way.
int capabilities(void*, const char* capability, OSSL_CALLBACK* callback, void* argument) {
  return OSSL_PROVIDER_get_capabilities(original(), capability, callback, argument);
}

int start(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) {
  static const OSSL_DISPATCH functions[] = {
      {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(query)},
      {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<void (*)()>(capabilities)},
      {0, nullptr}};
  *out = functions;
  *context = OSSL_PROVIDER_get0_provider_ctx(original());
  return 1;
}

OSSL_LIB_CTX* make() {
  constexpr const char* kName = "sluice-handshakes";
  if (original() == nullptr) return nullptr;
  OSSL_LIB_CTX* library = OSSL_LIB_CTX_new();
  if (library == nullptr) return nullptr;
  if (OSSL_PROVIDER_add_builtin(library, kName, start) == 1 && OSSL_PROVIDER_load(library, kName) != nullptr)
    return library;
  OSSL_LIB_CTX_free(library);
  return nullptr;
}

}  // namespace

bool take_reserved_memory() {
  return CRYPTO_set_mem_functions([](std::size_t size, const char*, int) { return reserved::allocate(size); },
                                  [](void* block, std::size_t size, const char*, int) {
                                    return reserved::reallocate(block, size);
                                  },
                                  [](void* block, const char*, int) { reserved::release(block); }) == 1;
}

ossl_lib_ctx_st* handshake_library() {
  static OSSL_LIB_CTX* const library = make();
  return library;
}

}  // namespace sluice::tls
