// Kernel files of the form "Name value" a line: meminfo, vmstat. The order of names is the same at
// each read, so each line's meaning is found once and then only checked.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace volta {

class NamedValues {
 public:
  // The names that matter; a value's index is its name's here.
  explicit NamedValues(std::span<const std::string_view> names)
      : names_(names.begin(), names.end()) {}

  // Values of the names that are there; empty where missing or malformed. Valid until the next
  // call.
  std::span<const std::optional<std::uint64_t>> parse(std::string_view text);
  // Whether the value of that index was there and malformed in the last text.
  [[nodiscard]] bool malformed(std::size_t index) const { return malformed_[index]; }

 private:
  struct Line {
    std::string name;
    std::optional<std::size_t> index;
  };
  std::optional<std::size_t> index_of(std::size_t line, std::string_view name);

  std::vector<std::string_view> names_;
  std::vector<Line> lines_;
  std::vector<std::optional<std::uint64_t>> values_;
  std::vector<bool> malformed_;
};

}  // namespace volta
