// Which series a host has named, and in which forms (unit, type ...): some eleven bytes each, since
// a server keeps them of every host for as long as it runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace volta {

// Knows hashes only: of a name with its labels 48 bits, of a form 16 more. One thread.
class SeenSeries {
 public:
  enum class Seen : std::uint8_t { nothing, name, form };
  // Whether this name was added, and in this form.
  [[nodiscard]] Seen look(std::uint64_t name_hash, std::uint64_t form_hash) const;
  // Requires that the form was not added before.
  void add(std::uint64_t name_hash, std::uint64_t form_hash);
  void clear();
  [[nodiscard]] std::size_t names() const { return names_; }
  [[nodiscard]] std::size_t forms() const { return forms_; }

 private:
  [[nodiscard]] std::size_t home(std::uint64_t key) const;
  void put(std::uint64_t key);

  std::vector<std::uint64_t> keys_;  // 0: free; four of five are taken at most
  std::size_t names_ = 0;
  std::size_t forms_ = 0;
};

}  // namespace volta
