#include "collect/tcp_states.hpp"

#include <cerrno>
#include <optional>

#include <unistd.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "collect/host_files.hpp"
#include "collect/numbers.hpp"
#include "collect/sources.hpp"
#include "model/metric_ids.hpp"

namespace volta {
namespace {

constexpr std::size_t kLongestLine = 512;  // they have about 150 bytes
constexpr std::size_t kPiece = 65536;

// Feeds the file to the counter; false if there is no such file (IPv6 is off).
bool read_all(const std::filesystem::path& path, std::string& buffer, TcpStateCounter& counter) {
  const UniqueFd file = open_source(path.c_str());
  if (!file && errno == ENOENT) return false;
  if (!file) throw SystemFailure("open", path.string(), errno);
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SystemFailure("read", path.string(), errno);
    if (got == 0) break;
    counter.feed({buffer.data(), static_cast<std::size_t>(got)});
  }
  counter.finish();
  return true;
}

class TcpStatesCollector final : public Collector {
 public:
  explicit TcpStatesCollector(const HostRoots& roots)
      : four_(roots.proc / "net/tcp"), six_(roots.proc / "net/tcp6"), buffer_(kPiece, '\0') {}

  void sample(Tick& out) override {
    TcpStateCounter counter;
    if (!read_all(four_, buffer_, counter)) throw SystemFailure("open", four_.string(), ENOENT);
    read_all(six_, buffer_, counter);
    skipped_ += counter.malformed();
    for (std::size_t state = 1; state < kTcpStateNames.size(); ++state) {
      if (!slots_.at(state))
        slots_.at(state) = out.define(metrics::tcp_connections,
                                      {{"state", std::string(kTcpStateNames.at(state))}});
      out.set_unsigned(*slots_.at(state), counter.counts().at(state));
    }
  }

  [[nodiscard]] std::uint64_t skipped() const override { return skipped_; }

 private:
  std::filesystem::path four_;
  std::filesystem::path six_;
  std::string buffer_;
  std::array<std::optional<Slot>, kTcpStateNames.size()> slots_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

void TcpStateCounter::feed(std::string_view piece) {
  if (!torn_.empty()) {
    const auto end = piece.find('\n');
    torn_.append(piece.substr(0, std::min(end, kLongestLine)));
    if (end == std::string_view::npos) {
      torn_.resize(std::min(torn_.size(), kLongestLine));
      return;
    }
    take_line(torn_);
    torn_.clear();
    piece.remove_prefix(end + 1);
  }
  while (true) {
    const auto end = piece.find('\n');
    if (end == std::string_view::npos) break;
    take_line(piece.substr(0, end));
    piece.remove_prefix(end + 1);
  }
  torn_ = piece.substr(0, kLongestLine);
}

void TcpStateCounter::finish() {
  if (!torn_.empty()) take_line(torn_);
  torn_.clear();
}

// "   0: 0100007F:1F90 00000000:0000 0A ...": the fourth field is the state, in hexadecimal.
void TcpStateCounter::take_line(std::string_view line) {
  const std::string_view number = next_field(line);
  if (number == "sl" || number.empty()) return;  // the heading
  next_field(line);
  next_field(line);
  const auto state = parse_integer<std::size_t>(next_field(line), 16);
  if (!number.ends_with(':') || !state || *state == 0 || *state >= counts_.size()) {
    ++malformed_;
    return;
  }
  ++counts_.at(*state);
}

std::unique_ptr<Collector> open_tcp_states(const HostRoots& roots, const CollectOptions&) {
  std::error_code ignored;  // whatever is wrong with it: it is not there
  if (!std::filesystem::exists(roots.proc / "net/tcp", ignored)) return nullptr;
  return std::make_unique<TcpStatesCollector>(roots);
}

}  // namespace volta
