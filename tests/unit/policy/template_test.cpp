// Templates of HostnameGenerator and MeshIdentity: what parses, what it renders to, how it fails.
#include <gtest/gtest.h>

#include <string>

#include "policy/kinds/text_template.h"

namespace sluice::policy {
namespace {

// The rendered text, or "! " and the problem.
std::string rendered(const std::string& text) {
  const TemplateValues values{{{"Name", "web"}, {"Zone", "east"}, {"Namespace", ""}},
                              [](std::string_view key) -> std::optional<std::string> {
                                if (key == "app") return "shop";
                                return std::nullopt;
                              }};
  std::string problem;
  const auto parsed = TextTemplate::parse(text, problem);
  if (!parsed) return "! " + problem;
  const auto out = parsed->render(values, problem);
  return out ? *out : "! " + problem;
}

TEST(TextTemplate, FieldsAndFunctions) {
  EXPECT_EQ(rendered(""), "");
  EXPECT_EQ(rendered("plain.{x}"), "plain.{x}");
  EXPECT_EQ(rendered("{{ .Name }}.{{.Zone}}.mesh"), "web.east.mesh");
  EXPECT_EQ(rendered("{{ label \"app\" }}/{{ \"app\" | label }}/{{ (label `app`) }}"), "shop/shop/shop");
  EXPECT_EQ(rendered("a {{- /* no */ -}} b"), "ab");
  EXPECT_EQ(rendered("a{{/* }} */}}b"), "ab");
  EXPECT_EQ(rendered("a {{- .Name -}}\n b"), "awebb");
  EXPECT_EQ(rendered("{{ \"}}\" }}"), "}}");
}

TEST(TextTemplate, Branches) {
  const std::string text =
      "{{ if .Namespace }}ns{{ else if eq .Zone \"west\" }}west{{ else }}{{ .Name }}{{ end }}!";
  EXPECT_EQ(rendered(text), "web!");
  EXPECT_EQ(rendered("{{if and .Name (not .Namespace)}}y{{end}}{{if or .Namespace false}}n{{end}}"), "y");
}

TEST(TextTemplate, MalformedInGosWords) {
  EXPECT_EQ(rendered("{{ .Name|1 }}"), "! template: :1: non executable command in pipeline stage 2");
  EXPECT_EQ(rendered("\n{{ .Name|nope }}"), "! template: :2: function \"nope\" not defined");
  EXPECT_EQ(rendered("{{ .Name"), "! template: :1: unclosed action");
  EXPECT_EQ(rendered("{{ }}"), "! template: :1: missing value for command");
  EXPECT_EQ(rendered("{{ .Name | }}"), "! template: :1: missing value for command");
  for (const auto* bad :
       {"{{ \"a }}", "{{ (label \"app\" }}", "{{ .Name) }}", "{{ end }}", "{{ if .Name }}", "{{ $x }}",
        "{{ .Name! }}", "{{ range .Name }}{{ end }}", "{{/* }}", "{{ 1x }}", "{{ \"a\".B }}"}) {
    EXPECT_EQ(rendered(bad).substr(0, 12), "! template: ") << bad << rendered(bad);
  }
}

TEST(TextTemplate, FailuresOfRendering) {
  EXPECT_EQ(rendered("{{ .Nope }}"), "! can't evaluate field Nope");
  EXPECT_EQ(rendered("{{ label \"none\" }}"), "! label \"none\" not found");
  EXPECT_EQ(rendered("{{ label }}"), "! wrong number of args for label: want 1 got 0");
  EXPECT_EQ(rendered("{{ .Name .Zone }}"), "! can't give argument to non-function");
}

TEST(TextTemplate, HostileTextIsBounded) {
  std::string nested;
  for (int i = 0; i < 2000; ++i) nested += "(";
  EXPECT_NE(rendered("{{ " + nested + "1").find("!"), std::string::npos);
  EXPECT_NE(rendered("{{ " + nested.substr(0, 1500) + " }}").find("nested too deeply"), std::string::npos);
  std::string branches;
  for (int i = 0; i < 300; ++i) branches += "{{if .Name}}";
  EXPECT_NE(rendered(branches).find("nested too deeply"), std::string::npos);
  EXPECT_NE(rendered(std::string(5000, 'a')).find("longer than"), std::string::npos);
}

}  // namespace
}  // namespace sluice::policy
