#include "uplink/spool.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace volta {
namespace {

constexpr std::uint64_t kLeastSegment = 64U << 10U;
constexpr std::uint64_t kMostSegment = 4U << 20U;
// The ticks' file is only written anew beyond this: each time costs two more waits for the disk.
constexpr std::uint64_t kLongTicksFile = 64U << 10U;
constexpr int kFileFlags = O_CLOEXEC | O_NOFOLLOW;

void write_all(int fd, std::span<const std::byte> bytes, std::uint64_t at,
               const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) throw SystemFailure("write", path.string(), wrote < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
    at += static_cast<std::uint64_t>(wrote);
  }
}

bool read_all(int fd, std::span<std::byte> bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    at += static_cast<std::uint64_t>(got);
  }
  return true;
}

void unlink_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw SystemFailure("remove", path.string(), errno);
  }
}

UniqueFd take_lock(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | kFileFlags, 0600));
  if (!fd) throw SystemFailure("open", path.string(), errno);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
    throw SystemFailure("lock (another agent has it)", path.string(), errno);
  }
  return fd;
}

}  // namespace

Spool::Spool(std::filesystem::path folder, std::uint64_t limit, LayoutSource series)
    : folder_(std::move(folder)),
      limit_(limit),
      segment_bytes_(std::clamp(limit / 64, kLeastSegment, kMostSegment)),
      series_(std::move(series)) {}

std::filesystem::path Spool::path(std::uint64_t id) const { return folder_ / segment_name(id); }

void Spool::open() {
  const std::lock_guard guard(mutex_);
  if (lock_) return;
  std::error_code error;
  const auto parent = folder_.parent_path();
  const bool made = std::filesystem::create_directories(parent, error);
  if (error) throw SystemFailure("make", parent.string(), error.value());
  if (made) std::filesystem::permissions(parent, std::filesystem::perms::owner_all, error);
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    throw SystemFailure("make", folder_.string(), errno);
  }
  lock_ = take_lock(folder_ / "lock");
}

bool Spool::holds_segments() const {
  const SpoolContent content = scan_spool(folder_);
  return !content.segments.empty() || !content.unfinished.empty();
}

SpoolContent Spool::recover() {
  const std::lock_guard guard(mutex_);
  SpoolContent content = scan_spool(folder_);
  next_id_ = content.last_id + 1;
  for (const std::uint64_t id : content.useless) {
    if (::unlink(path(id).c_str()) != 0 && errno != ENOENT) {
      log::warning("what is no segment of the spool stays beside it",
                   {{"path", path(id).string()}, {"reason", error_text(errno)}});
    }
  }
  segments_.assign(content.segments.begin(), content.segments.end());
  runs_ = content.runs;
  gone_ = content.gone;
  host_id_ = content.host_id;
  appended_ = segments_.empty() ? 0 : segments_.back().numbers.last;
  ticks_number_ = content.newest + 1;  // those that are there wait for their batch
  ticks_bytes_ = content.open_bytes;
  return content;
}

void Spool::clear() {
  const std::lock_guard guard(mutex_);
  close_segment();
  while (!segments_.empty()) {
    unlink_file(path(segments_.front().id));
    segments_.pop_front();
  }
  ticks_.reset();
  ticks_bytes_ = 0;
  open_ticks_.clear();
  unlink_file(folder_ / "open.seg");
  runs_.clear();
  gone_ = {};
  host_id_.clear();
  appended_ = ticks_number_ = 0;
  reader_ = {};
}

// What is behind its last whole record, after a failed write, is cut off.
void Spool::close_segment() {
  if (!current_) return;
  if (::ftruncate(current_.get(), static_cast<off_t>(segments_.back().bytes)) != 0) {
    log::warning("a segment of the spool keeps a torn end",
                 {{"path", path(segments_.back().id).string()}, {"reason", error_text(errno)}});
  }
  current_.reset();
  current_dirty_ = false;
  if (segments_.back().numbers.last == 0) {
    ::unlink(path(segments_.back().id).c_str());
    segments_.pop_back();
  }
}

void Spool::end_segment() {
  const std::lock_guard guard(mutex_);
  if (current_) sync_current();
  close_segment();
}

void Spool::begin_segment() {
  if (current_) sync_current();
  close_segment();
  const std::uint64_t id = next_id_++;
  current_ = UniqueFd(::open(path(id).c_str(), O_WRONLY | O_CREAT | O_EXCL | kFileFlags, 0600));
  if (!current_) throw SystemFailure("make", path(id).string(), errno);
  folder_dirty_ = true;
  segments_.push_back({id, 0, {}});
  named_ = 0;
  key_in_force_ = 0;
  // What nobody has a batch of any more need not be said again.
  const std::uint64_t oldest = segments_.size() > 1 ? segments_.front().numbers.after : appended_;
  std::erase_if(runs_, [&](const SpoolRun& run) { return run.last <= oldest; });
  gone_.forget_to(oldest);
  Bytes head;
  put_spool_head(head);
  name_series(kMostSlots, head);
  for (const SpoolRun& run : runs_) put_spool_run(head, run);
  for (const NumberSpan& gone : gone_.spans()) put_spool_gone(head, gone);
  if (!host_id_.empty()) {
    put_spool_record(head, SpoolKind::host, std::as_bytes(std::span(host_id_)));
  }
  write_current(head);
}

void Spool::name_series(std::uint32_t slots, Bytes& out) {
  if (slots <= named_) return;
  const std::vector<SeriesDef> series = series_(named_);
  put_spool_series(out, named_, series);
  named_ += static_cast<std::uint32_t>(series.size());
}

// All or nothing: after a failure the segment is not written to any more.
void Spool::write_current(const Bytes& bytes) {
  if (bytes.empty()) return;
  SpoolSegment& segment = segments_.back();
  try {
    write_all(current_.get(), bytes, segment.bytes, path(segment.id));
  } catch (const SystemFailure&) {
    close_segment();
    throw;
  }
  segment.bytes += bytes.size();
  current_dirty_ = true;
}

void Spool::append(const ToSpool& next) {
  const std::lock_guard guard(mutex_);
  const EncodedBatch& batch = *next.batch;
  const bool fits = current_ && segments_.back().bytes < segment_bytes_ &&
                    (segments_.back().numbers.last == 0 || appended_ + 1 == batch.seq);
  if (!fits) begin_segment();
  Bytes out;
  name_series(batch.slots, out);
  if (batch.key_seq != batch.seq && batch.key_seq != key_in_force_ && next.keyframe) {
    put_spool_batch(out, SpoolKind::keyframe, *next.keyframe);
  }
  put_spool_batch(out, SpoolKind::batch, batch);
  write_current(out);
  key_in_force_ = batch.key_seq;
  SpoolSegment& segment = segments_.back();
  if (segment.numbers.last == 0) segment.numbers.after = batch.seq - 1;
  segment.numbers.last = appended_ = batch.seq;
}

void Spool::open_ticks_file() {
  if (ticks_) return;
  const auto name = folder_ / "open.seg";
  ticks_ = UniqueFd(::open(name.c_str(), O_WRONLY | O_CREAT | kFileFlags, 0600));
  if (!ticks_) throw SystemFailure("open", name.string(), errno);
  folder_dirty_ = true;
  // A torn end may still hold whole records behind the damage.
  if (::ftruncate(ticks_.get(), static_cast<off_t>(ticks_bytes_)) != 0) {
    throw SystemFailure("cut", name.string(), errno);
  }
  if (ticks_bytes_ != 0) return;
  Bytes head;
  put_spool_head(head);
  write_all(ticks_.get(), head, 0, name);
  ticks_bytes_ = head.size();
}

void Spool::append_tick(std::uint64_t number, std::uint32_t slots,
                        std::span<const std::byte> record) {
  const std::lock_guard guard(mutex_);
  if (slots > named_ || !current_) {
    if (!current_) begin_segment();
    Bytes out;
    name_series(slots, out);
    write_current(out);
  }
  if (number != ticks_number_) open_ticks_.clear();
  ticks_number_ = number;
  open_ticks_.insert(open_ticks_.end(), record.begin(), record.end());
  open_ticks_file();
  // In place of a torn one, if the last one was.
  write_all(ticks_.get(), record, ticks_bytes_, folder_ / "open.seg");
  ticks_bytes_ += record.size();
  ticks_dirty_ = true;
}

void Spool::note_run(const SpoolRun& run) {
  const std::lock_guard guard(mutex_);
  assign_run(runs_, run);
  if (!current_) {
    begin_segment();
  } else {
    Bytes out;
    put_spool_run(out, run);
    write_current(out);
  }
  sync_current();
  sync_folder();
}

void Spool::note_gone(NumberSpan gone) {
  const std::lock_guard guard(mutex_);
  gone_.add(gone);
  if (!current_) return;  // the next segment begins with it
  Bytes out;
  put_spool_gone(out, gone);
  write_current(out);
}

void Spool::note_host(const std::string& host_id) {
  const std::lock_guard guard(mutex_);
  if (host_id_ == host_id) return;
  host_id_ = host_id;
  if (!current_) return;
  Bytes out;
  put_spool_record(out, SpoolKind::host, std::as_bytes(std::span(host_id)));
  write_current(out);
}

// A failed sync may have lost what was written, and a second one would not say so: the segment is
// not relied upon any further.
void Spool::sync_current() {
  if (!current_ || !current_dirty_) return;
  if (::fdatasync(current_.get()) != 0) {
    const int error = errno;
    const auto name = path(segments_.back().id);
    close_segment();
    throw SystemFailure("sync", name.string(), error);
  }
  current_dirty_ = false;
}

void Spool::sync_folder() {
  if (!folder_dirty_) return;
  const UniqueFd fd(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw SystemFailure("sync", folder_.string(), errno);
  folder_dirty_ = false;
}

void Spool::sync() {
  const std::lock_guard guard(mutex_);
  sync_current();
  // Only when its finished ticks are in a segment, and durable there.
  if (ticks_bytes_ > kLongTicksFile + open_ticks_.size() && appended_ + 1 >= ticks_number_) {
    renew_ticks_file();
  }
  if (ticks_ && ticks_dirty_) {
    if (::fdatasync(ticks_.get()) != 0) {
      throw SystemFailure("sync", (folder_ / "open.seg").string(), errno);
    }
    ticks_dirty_ = false;
  }
  sync_folder();
}

void Spool::renew_ticks_file() {
  const auto name = folder_ / "open.new";
  UniqueFd fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | kFileFlags, 0600));
  if (!fd) throw SystemFailure("open", name.string(), errno);
  Bytes bytes;
  put_spool_head(bytes);
  if (ticks_number_ > appended_) {
    bytes.insert(bytes.end(), open_ticks_.begin(), open_ticks_.end());
  }
  write_all(fd.get(), bytes, 0, name);
  if (::fdatasync(fd.get()) != 0) throw SystemFailure("sync", name.string(), errno);
  if (::rename(name.c_str(), (folder_ / "open.seg").c_str()) != 0) {
    throw SystemFailure("rename", name.string(), errno);
  }
  ticks_ = std::move(fd);
  ticks_bytes_ = bytes.size();
  ticks_dirty_ = false;
  folder_dirty_ = true;
}

std::uint64_t Spool::bytes() const {
  const std::lock_guard guard(mutex_);
  std::uint64_t sum = ticks_bytes_;
  for (const SpoolSegment& segment : segments_) sum += segment.bytes;
  return sum;
}

std::uint64_t Spool::current_bytes() const {
  const std::lock_guard guard(mutex_);
  return current_ ? segments_.back().bytes : 0;
}

std::optional<SpoolSegment> Spool::oldest() const {
  const std::lock_guard guard(mutex_);
  if (segments_.size() < (current_ ? 2U : 1U)) return std::nullopt;
  return segments_.front();
}

void Spool::remove_oldest() {
  const std::lock_guard guard(mutex_);
  if (segments_.size() < (current_ ? 2U : 1U)) return;
  const std::uint64_t id = segments_.front().id;
  if (reader_.id == id) reader_ = {};
  unlink_file(path(id));
  segments_.pop_front();
}

bool Spool::seek(std::uint64_t id) {
  if (reader_.id != id) {
    reader_ = {};
    reader_.fd = UniqueFd(::open(path(id).c_str(), O_RDONLY | kFileFlags));
    if (!reader_.fd) return false;
    reader_.id = id;
    reader_.walked = kSpoolHeadBytes;
  }
  walk();
  return true;
}

// Goes on from where it was: the current segment grows. Only heads and numbers are looked at here;
// what is read is checked then.
void Spool::walk() {
  std::array<std::byte, kSpoolRecordHeadBytes + 10> start{};
  for (;;) {
    const auto nine = std::span(start).first(kSpoolRecordHeadBytes);
    if (!read_all(reader_.fd.get(), nine, reader_.walked)) return;
    const RecordHead head = spool_record_head(nine);
    if (head.size > kSpoolRecordHeadBytes + kLargestSpoolBody) return;
    const auto kind = static_cast<SpoolKind>(head.kind);
    if (kind == SpoolKind::batch || kind == SpoolKind::keyframe) {
      const auto body = std::span(start)
                            .subspan(kSpoolRecordHeadBytes)
                            .first(std::min<std::size_t>(10, head.size - kSpoolRecordHeadBytes));
      if (!read_all(reader_.fd.get(), body, reader_.walked + kSpoolRecordHeadBytes)) return;
      ByteReader in(body);
      const std::uint64_t number = in.varint();
      (kind == SpoolKind::batch ? reader_.batches : reader_.keyframes)
          .emplace(number, reader_.walked);
    }
    reader_.walked += head.size;
  }
}

std::shared_ptr<const EncodedBatch> Spool::read_at(std::uint64_t offset, std::uint64_t number) {
  Bytes bytes(kSpoolRecordHeadBytes);
  if (!read_all(reader_.fd.get(), bytes, offset)) return nullptr;
  const RecordHead head = spool_record_head(bytes);
  if (head.size > kSpoolRecordHeadBytes + kLargestSpoolBody) return nullptr;
  bytes.resize(head.size);
  if (!read_all(reader_.fd.get(), bytes, offset)) return nullptr;
  const auto record = first_spool_record(bytes);
  if (!record) return nullptr;
  auto batch = parse_spool_batch(record->body);
  if (!batch || batch->seq != number) return nullptr;
  return std::make_shared<const EncodedBatch>(*std::move(batch));
}

std::shared_ptr<const EncodedBatch> Spool::read(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  for (const SpoolSegment& segment : segments_) {
    if (number <= segment.numbers.after || number > segment.numbers.last) continue;
    if (!seek(segment.id)) return nullptr;
    const auto found = reader_.batches.find(number);
    return found == reader_.batches.end() ? nullptr : read_at(found->second, number);
  }
  return nullptr;
}

std::shared_ptr<const EncodedBatch> Spool::read_keyframe(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  if (!reader_.fd) return nullptr;
  for (const auto* offsets : {&reader_.batches, &reader_.keyframes}) {
    const auto found = offsets->find(number);
    if (found != offsets->end()) return read_at(found->second, number);
  }
  return nullptr;
}

std::vector<EncodedBatch> Spool::oldest_batches() {
  const std::lock_guard guard(mutex_);
  std::vector<EncodedBatch> out;
  if (segments_.empty() || !seek(segments_.front().id)) return out;
  for (const auto& [number, offset] : reader_.batches) {
    if (auto batch = read_at(offset, number)) {
      out.push_back(*batch);
      out.back().payload = {};  // who counts them needs no content
    }
  }
  return out;
}

}  // namespace volta
