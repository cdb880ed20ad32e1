#include "store/sqlite.hpp"

#include <cerrno>

#include <sqlite3.h>

#include "base/assert.hpp"
#include "base/log.hpp"

namespace volta {
namespace {

int last_errno(sqlite3_file* file) {
  int number = 0;
  if (file == nullptr || file->pMethods == nullptr) return 0;
  const int code = file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
  return code == SQLITE_OK ? number : 0;
}

// errno of what failed. SQLite's own memory of it is overwritten by the roll-back that follows, but
// each file keeps its own.
int system_errno(sqlite3* database) {
  for (const int which : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
    sqlite3_file* file = nullptr;
    if (sqlite3_file_control(database, "main", which, &file) != SQLITE_OK) continue;
    if (const int number = last_errno(file); number != 0) return number;
  }
  return sqlite3_system_errno(database);
}

[[noreturn]] void throw_failure(sqlite3* database, int code, const std::string& what) {
  const int system_error = database == nullptr ? 0 : system_errno(database);
  std::string text = what + ": ";
  text += database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database);
  const int primary = code & 0xff;
  const bool about_the_system =
      primary == SQLITE_IOERR || primary == SQLITE_FULL || primary == SQLITE_CANTOPEN;
  if (about_the_system && system_error != 0) text += " (" + error_text(system_error) + ")";
  throw SqliteFailure(text, primary, about_the_system ? system_error : 0);
}

int note_wal_pages(void* pages, sqlite3*, const char*, int count) {
  *static_cast<std::int64_t*>(pages) = count;
  return SQLITE_OK;
}

}  // namespace

bool SqliteFailure::disk_full() const {
  // SQLite itself says FULL only for ENOSPC.
  return code_ == SQLITE_FULL ||
         (code_ == SQLITE_IOERR &&
          (system_error_ == EDQUOT || system_error_ == EFBIG || system_error_ == ENOSPC));
}

bool SqliteFailure::damaged() const { return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB; }

bool SqliteFailure::misfit() const { return code_ == SQLITE_ERROR; }

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::check(int code) const {
  if (code != SQLITE_OK) throw_failure(database_, code, "the store cannot bind a value");
}

bool Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  throw_failure(database_, sqlite3_extended_errcode(database_),
                std::string("the store's file ") + sqlite3_db_filename(database_, "main"));
}

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Query::text(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::byte> Query::blob(int column) const {
  const std::string_view bytes = text(column);
  return std::as_bytes(std::span(bytes.data(), bytes.size()));
}

void Query::bind(int index, std::int64_t value) {
  check(sqlite3_bind_int64(statement_, index, value));
}

void Query::bind(int index, std::string_view value) {
  const char* data = value.empty() ? "" : value.data();  // null would bind NULL
  check(sqlite3_bind_text64(statement_, index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Query::bind(int index, std::span<const std::byte> value) {
  const void* data = value.empty() ? static_cast<const void*>("") : value.data();
  check(sqlite3_bind_blob64(statement_, index, data, value.size(), SQLITE_STATIC));
}

Connection::Connection(const std::string& path, Mode mode, int cache_kib) : path_(path) {
  const int flags = (mode == Mode::writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &database_, flags, nullptr);
  try {
    if (code != SQLITE_OK) fail(code, "cannot open");
    sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_busy_timeout(database_, 2000);
    execute("PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0; PRAGMA trusted_schema=OFF");
    execute("PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF");
    execute("PRAGMA cache_size=-" + std::to_string(cache_kib));
    if (mode == Mode::reader) execute("PRAGMA query_only=ON");
    sqlite3_wal_hook(database_, note_wal_pages, &wal_pages_);
  } catch (...) {
    sqlite3_close_v2(database_);
    throw;
  }
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(database_);
}

void Connection::fail(int code, const std::string& what) const {
  throw_failure(database_, code, what + " " + path_);
}

Query Connection::query(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int code =
        sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) fail(code, "cannot read");
  }
  VOLTA_ASSERT(sqlite3_stmt_busy(statement) == 0, sql);
  return {database_, statement};
}

void Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, "cannot use");
}

std::int64_t Connection::number(const char* sql) {
  Query asked = query(sql);
  return asked.step() ? asked.integer(0) : 0;
}

std::int64_t Connection::last_insert_id() const { return sqlite3_last_insert_rowid(database_); }

bool Connection::in_transaction() const { return sqlite3_get_autocommit(database_) == 0; }

void Connection::set_patience_ms(int patience) { sqlite3_busy_timeout(database_, patience); }

bool Connection::checkpoint(bool truncate) {
  int frames = 0;
  int done = 0;
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(database_, nullptr, mode, &frames, &done);
  if ((code & 0xff) == SQLITE_BUSY) return false;
  if (code != SQLITE_OK) fail(code, "cannot checkpoint");
  const bool complete = frames == done;
  if (complete) wal_pages_ = 0;
  return complete;
}

Transaction::Transaction(Connection& connection) : connection_(connection) {
  connection_.query("BEGIN IMMEDIATE").run();
}

Transaction::~Transaction() {
  if (!connection_.in_transaction()) return;
  try {
    connection_.query("ROLLBACK").run();
  } catch (const SqliteFailure& failure) {
    log::error("cannot roll back", {{"error", failure.what()}});
  }
}

void Transaction::commit() { connection_.query("COMMIT").run(); }

}  // namespace volta
