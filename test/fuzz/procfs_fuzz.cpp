// The parsers of /proc text, with what a broken kernel or a hostile recorded host could show.
#include <cstdlib>

#include "collect/cpu.hpp"
#include "collect/disk.hpp"
#include "collect/loadavg.hpp"
#include "collect/named_values.hpp"
#include "collect/network.hpp"
#include "collect/numbers.hpp"
#include "collect/pressure.hpp"
#include "collect/rising.hpp"
#include "collect/socket.hpp"
#include "collect/tcp_states.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void lines(std::string_view text) {
  volta::Unwrapped32 wraps;
  volta::Rising rising;
  std::uint64_t wrapped_before = 0;
  std::uint64_t rising_before = 0;
  while (const auto line = volta::next_line(text)) {
    if (const auto disk = volta::parse_disk_line(*line)) {
      require(disk->columns >= 11 && disk->columns <= volta::kDiskColumns && !disk->name.empty());
      const std::uint64_t total = wraps.add(disk->at(volta::DiskColumn::busy_ms).value_or(0));
      require(total >= wrapped_before);
      wrapped_before = total;
    }
    if (const auto interface = volta::parse_interface_line(*line))
      require(!interface->name.empty());
    if (const auto times = volta::parse_cpu_times(*line)) {
      const std::uint64_t shown = rising.show(times->at(3).value_or(0) / 2);
      require(shown >= rising_before);
      rising_before = shown;
    }
  }
}

// In one piece or in many, the count is the same (lines beyond any real length may be cut).
void tcp_states(std::string_view text, std::size_t piece) {
  volta::TcpStateCounter whole;
  whole.feed(text);
  whole.finish();
  volta::TcpStateCounter parts;
  std::uint64_t sum = 0;
  std::size_t longest = 0;
  for (std::string_view rest = text; const auto line = volta::next_line(rest);)
    longest = std::max(longest, line->size());
  for (std::string_view rest = text; !rest.empty();
       rest.remove_prefix(std::min(piece, rest.size())))
    parts.feed(rest.substr(0, piece));
  parts.finish();
  for (const std::uint64_t count : parts.counts()) sum += count;
  require(longest > 500 || whole.counts() == parts.counts());
  require(sum <= text.size());
}

void named_values(std::string_view text) {
  static constexpr std::array<std::string_view, 3> kNames = {"MemTotal", "MemFree", "pgpgin"};
  volta::NamedValues values(kNames);
  const auto first = values.parse(text);
  const std::vector<std::optional<std::uint64_t>> before(first.begin(), first.end());
  const auto second = values.parse(text);
  require(std::equal(before.begin(), before.end(), second.begin(), second.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT
  lines(text);
  named_values(text);
  tcp_states(text, size % 97 + 1);
  if (const auto load = volta::parse_loadavg(text))
    require(load->load1.value_or(0) >= 0 && load->threads.value_or(0) >= 0);
  volta::parse_pressure(text);
  volta::find_socket_value(text, "TCP", "inuse");
  volta::SnmpRows rows(text);
  while (const auto cell = rows.next()) require(!cell->key.empty() && !cell->value.empty());
  return 0;
}
