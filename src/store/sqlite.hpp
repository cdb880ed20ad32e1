// SQLite as C++ values: connections, statements, transactions. A connection and all that comes from
// it belong to one thread at a time.
//
// SQLite 3.40.1 can corrupt a database when two connections write or checkpoint at the same moment
// (the WAL-reset bug). So exactly one connection of a store, the writer's, does either; readers are
// read-only and never checkpoint, not even when they close.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace volta {

// A call into SQLite failed. what() names the file and the reason.
class SqliteFailure : public Failure {
 public:
  SqliteFailure(const std::string& text, int code, int system_error)
      : Failure(text), code_(code), system_error_(system_error) {}
  // The disk, a quota or a file size limit is exhausted.
  [[nodiscard]] bool disk_full() const;
  // The file is not a database, or a broken one.
  [[nodiscard]] bool damaged() const;
  // The statement does not fit the tables that are there.
  [[nodiscard]] bool misfit() const;

 private:
  int code_;  // primary result code
  int system_error_;
};

// A prepared statement in use. Resets itself at the end of its scope, which also ends the read
// transaction it may have opened. Borrowed from its connection; at most one per text at a time.
class Query {
 public:
  Query(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  // Binds the parameters in order. Text and blobs must live until the query is done.
  template <typename... Values>
  Query& with(const Values&... values) {
    int index = 0;
    (bind(++index, values), ...);
    return *this;
  }
  // True: there is a row. Throws SqliteFailure.
  bool step();
  void run() {
    while (step()) {
    }
  }

  // Columns of the row, from 0. Text and blobs live until the next step.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::span<const std::byte> blob(int column) const;

 private:
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view value);
  void bind(int index, std::span<const std::byte> value);
  void bind(int index, std::span<const std::uint8_t> value) { bind(index, std::as_bytes(value)); }
  void check(int code) const;

  sqlite3* database_;
  sqlite3_stmt* statement_;
};

class Connection {
 public:
  enum class Mode : std::uint8_t { writer, reader };
  // Opens an existing file. Throws SqliteFailure.
  Connection(const std::string& path, Mode mode, int cache_kib);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // `sql` is prepared once and found again by its address: pass literals.
  Query query(const char* sql);
  // One or more statements without parameters or rows that matter.
  void execute(const std::string& sql);
  // First column of the first row; 0 if there is none.
  std::int64_t number(const char* sql);
  std::int64_t last_insert_id() const;
  [[nodiscard]] bool in_transaction() const;
  void set_patience_ms(int patience);
  // Moves what it can from the WAL into the database; with `truncate` also empties the file if no
  // reader is in the way. False: something is left. The writer's only.
  bool checkpoint(bool truncate);
  // Pages in the WAL after the last commit; after a complete checkpoint it starts anew.
  [[nodiscard]] std::int64_t wal_pages() const { return wal_pages_; }

 private:
  [[noreturn]] void fail(int code, const std::string& what) const;

  std::string path_;
  sqlite3* database_ = nullptr;
  std::int64_t wal_pages_ = 0;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

// Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Connection& connection_;
};

}  // namespace volta
