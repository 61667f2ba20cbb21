// Parse, print, parse: a document printed as JSON, or as the YAML of `-o yaml`, is read as the same document
// and judged alike; and what a node keeps of it, written out again in either form, is the same resource. On
// random documents of all kinds and on every example of the corpus. SLUICE_SEED=N repeats a run,
// SLUICE_DOCUMENTS=N makes it longer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "ctl/json_view.h"
#include "ctl/yaml.h"
#include "policy/document/envelope.h"
#include "policy/document/yaml.h"
#include "policy/kinds/check.h"
#include "random_bodies.h"

namespace sluice::policy::property {
namespace {

unsigned from_environment(const char* name, unsigned fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

std::string verdict(const Diagnostics& diagnostics) {
  std::string out;
  for (const auto& one : diagnostics.list())
    out += std::string(severity_name(one.severity)) + " " + one.path + ": " + one.message + "\n";
  return out;
}

// As same_value(), but numbers with a point may be spelled differently.
bool same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.size() != b.size()) return false;
  if (a.kind == Node::Kind::real)
    return std::strtod(a.scalar.c_str(), nullptr) == std::strtod(b.scalar.c_str(), nullptr);
  if (a.scalar != b.scalar) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!same(a.items[i], b.items[i])) return false;
  return std::ranges::all_of(a.fields, [&](const Entry& entry) {
    const auto other = std::ranges::find(b.fields, entry.key, &Entry::key);
    return other != b.fields.end() && same(entry.value, other->value);
  });
}

// Who it is and what it says, wherever it stands.
std::string identity(const Resource& resource) {
  return resource.key() + " shown as " + resource.display_name + " in " + resource.ns;
}

bool same(const std::optional<Resource>& a, const std::optional<Resource>& b) {
  if (!a || !b) return !a && !b;
  return identity(*a) == identity(*b) && a->kubernetes == b->kubernetes && a->labels == b->labels &&
         same(a->body, b->body);
}

// What a node keeps of a document, as a document again: in Universal form, as control planes hand them on.
Node document_of(const Resource& resource) {
  auto out = Node::empty_mapping();
  auto labels = Node::empty_mapping();
  for (const auto& [key, value] : resource.labels) labels.set(key, Node::of_text(value));
  labels.set("kuma.io/display-name", Node::of_text(resource.display_name));
  if (!resource.ns.empty()) labels.set("k8s.kuma.io/namespace", Node::of_text(resource.ns));
  out.set("type", Node::of_text(resource.kind));
  if (!resource.mesh.empty()) out.set("mesh", Node::of_text(resource.mesh));
  out.set("name", Node::of_text(resource.name));
  out.set("labels", std::move(labels));
  for (const auto& field : resource.body.fields) out.set(field.key, field.value);
  return out;
}

struct Law {
  CheckOptions options;
  std::size_t accepted = 0;

  // The one document that the text has.
  void read(const std::string& text, Node& out) const {
    Diagnostics diagnostics;
    auto nodes = parse_yaml(text, "printed", diagnostics);
    ASSERT_FALSE(diagnostics.has_errors()) << diagnostics.text() << text;
    ASSERT_EQ(nodes.size(), 1U) << text;
    out = std::move(nodes.front());
  }

  void holds(const Node& document) {
    const auto json = document.to_json();
    const auto parsed = ctl::Json::parse(json, nullptr, false);
    ASSERT_FALSE(parsed.is_discarded()) << json;
    const auto checked = check_document(document, "f", options);
    for (const auto& text : {json, ctl::to_yaml(parsed)}) {
      Node again;
      ASSERT_NO_FATAL_FAILURE(read(text, again));
      ASSERT_TRUE(same(document, again)) << json << "\n" << text << again.to_json();
      const auto twice = check_document(again, "f", options);
      ASSERT_EQ(verdict(twice.diagnostics), verdict(checked.diagnostics)) << text;
      ASSERT_TRUE(same(checked.resource, twice.resource)) << text;
    }
    if (checked.resource) ASSERT_NO_FATAL_FAILURE(kept(*checked.resource));
  }

  void kept(const Resource& resource) {
    ++accepted;
    Node again;
    const auto text = document_of(resource).to_json();
    ASSERT_NO_FATAL_FAILURE(read(text, again));
    Diagnostics diagnostics;
    const auto opened = open_envelope(again, "f", diagnostics);
    ASSERT_TRUE(opened) << diagnostics.text() << text;
    ASSERT_EQ(identity(*opened), identity(resource)) << text;
    ASSERT_TRUE(same(opened->body, resource.body)) << text;
    if (resource.kubernetes) return;
    const auto twice = check_document(again, "f", options);
    ASSERT_TRUE(twice.resource) << verdict(twice.diagnostics) << text;
    ASSERT_TRUE(same(twice.resource->body, resource.body)) << text;
  }
};

constexpr Dialect kDialects[] = {Dialect::kuma_2, Dialect::kuma_3};

TEST(PrintProperty, RandomDocumentsOfEveryKind) {
  const auto seed = from_environment("SLUICE_SEED", std::random_device{}());
  std::printf("SLUICE_SEED=%u\n", seed);
  std::mt19937 random(seed);
  const auto each = from_environment("SLUICE_DOCUMENTS", 40);
  std::size_t accepted = 0;
  for (const auto dialect : kDialects) {
    Law law{{.strict = false, .dialect = dialect, .limits = {}}};
    for (const auto& kind : kind_catalog()) {
      for (unsigned i = 0; i < each; ++i) {
        const auto document = random_document_of(kind, dialect, random);
        const auto text = random_yaml(document, random);
        Node read;
        ASSERT_NO_FATAL_FAILURE(law.read(text, read));
        ASSERT_TRUE(same(document, read)) << document.to_json() << "\n" << text << read.to_json();
        ASSERT_NO_FATAL_FAILURE(law.holds(read)) << text;
      }
    }
    accepted += law.accepted;
  }
  std::printf("%zu of the documents were accepted\n", accepted);
  EXPECT_GT(accepted, each);
}

TEST(PrintProperty, ExamplesOfTheDocumentation) {
  const std::filesystem::path directory = SLUICE_CORPUS "/docs";
  if (!std::filesystem::exists(directory)) {
    std::printf("%s is not there: nothing was read\n", directory.c_str());
    return;
  }
  std::size_t documents = 0;
  std::size_t accepted = 0;
  for (const auto dialect : kDialects) {
    Law law{{.strict = false, .dialect = dialect, .limits = {}}};
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.path().extension() != ".yaml") continue;
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      Diagnostics diagnostics;
      for (const auto& document : parse_yaml(text, entry.path().filename(), diagnostics)) {
        ++documents;
        ASSERT_NO_FATAL_FAILURE(law.holds(document)) << entry.path();
      }
    }
    accepted += law.accepted;
  }
  std::printf("%zu documents, %zu of them accepted\n", documents, accepted);
  EXPECT_GT(accepted, 100U);
}

}  // namespace
}  // namespace sluice::policy::property
