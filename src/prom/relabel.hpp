// Relabelling as Prometheus has it, for scrape targets and write targets: rules that drop series or
// change their labels, one after the other.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/matcher.hpp"
#include "model/series.hpp"

namespace volta {

enum class RelabelAction : std::uint8_t {
  keep,       // drops what does not match
  drop,       // drops what matches
  replace,    // target_label = replacement, where the source matches; "" takes it away
  hash_mod,   // target_label = hash of the source modulo `modulus`
  label_map,  // labels whose names match are copied to the name that `replacement` makes
  label_drop,
  label_keep
};
std::optional<RelabelAction> parse_relabel_action(std::string_view word);  // "labelmap", any case

// As a configuration says it; the defaults are Prometheus'.
struct RelabelRule {
  RelabelAction action = RelabelAction::replace;
  std::vector<std::string> source_labels;  // their values, joined by the separator, are the source
  std::string separator = ";";
  std::string regex = "(.*)";  // RE2, of the whole source
  std::string target_label;    // may hold $1, ${name}
  std::string replacement = "$1";
  std::uint64_t modulus = 0;
};

// Immutable; thread-safe; copies share the compiled rules.
class Relabeler {
 public:
  Relabeler() = default;  // leaves all as it is
  // An Error: a rule that lacks what its action needs, or does not compile; says which ("rule 2").
  static Result<Relabeler> make(std::span<const RelabelRule> rules);

  // False: dropped. Else the labels, sorted again; a label whose value became empty is gone.
  [[nodiscard]] bool apply(Labels& labels) const;
  [[nodiscard]] bool empty() const { return rules_ == nullptr; }

 private:
  struct Compiled;
  std::shared_ptr<const std::vector<Compiled>> rules_;
};

}  // namespace volta
