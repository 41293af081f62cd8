// @ts-check
/**
 * What goes over the socket, as types; docs/protocol.md says what it means. There is nothing to run
 * here, and no page loads it: name the types as `import("realtime/messages.js").DocumentStatus`.
 */
export {};

/**
 * Every message from the server by its `type`: what handlers are given.
 * @typedef {object} Incoming
 * @property {DocumentStatus & Logged} document_status
 * @property {RagProgress & Logged} rag_progress
 * @property {MessageChunk & Logged} message_chunk
 * @property {McpInstallProgress & Logged} mcp_install_progress
 * @property {McpHostChanged & Logged} mcp_host
 * @property {MessageStatus & Logged} message_status
 * @property {ToolCallChanged & Logged} tool_call
 * @property {ChatSessionChanged & Logged} chat_session
 * @property {SelfTest & Logged} self_test
 * @property {ReindexProgress & Logged} reindex_progress
 * @property {SessionUpdate & Ephemeral} session_update
 * @property {DocumentShared & Logged} document_shared
 * @property {CollectionChanged & Logged} collection_changed
 * @property {BatchProgress & Logged} batch_progress
 * @property {UserActivity & Ephemeral} user_activity
 * @property {Welcome} welcome
 * @property {Resumed} resumed
 * @property {Resync} resync
 * @property {Heartbeat} heartbeat
 * @property {Pong} pong
 * @property {ErrorFrame} error
 * @property {Closing} closing
 */

/**
 * What a client may send.
 * @typedef {Resume | Ack | Ping | Subscribe | Unsubscribe | Activity | ExtendSession} Outgoing
 */

// --- Events ------------------------------------------------------------------------------------

/**
 * What every logged event carries besides: its place in the stream, the one sent before it, and, of
 * a job, the attempt and whether that is over.
 * @typedef {object} Logged
 * @property {string} id
 * @property {string} prev
 * @property {string} ts
 * @property {number} [attempt]
 * @property {boolean} [terminal]
 */

/**
 * What an event that is not logged carries besides.
 * @typedef {object} Ephemeral
 * @property {string} ts
 */

/**
 * A document's processing moved on.
 * @typedef {object} DocumentStatus
 * @property {"document_status"} type
 * @property {string} documentId
 * @property {"QUEUED" | "PROCESSING" | "READY" | "FAILED" | "CANCELLED" | "DELETED"} status
 * @property {number} progress in percent
 * @property {string} message
 * @property {"" | "EXTRACTING" | "CHUNKING" | "EMBEDDING" | "INDEXING"} stage
 */

/**
 * A person's role in another's document changed; told to that person and to the owner.
 * @typedef {object} DocumentShared
 * @property {"document_shared"} type
 * @property {string} documentId
 * @property {string} userId the person's
 * @property {string} username
 * @property {"viewer" | "editor" | "none"} role none once the document is taken back
 */

/**
 * A collection, or what is in it, changed: it is fetched again.
 * @typedef {object} CollectionChanged
 * @property {"collection_changed"} type
 * @property {string} collectionId
 * @property {string} name
 * @property {"owner" | "editor" | "viewer" | "none"} role what the person who is told may do
 */

/**
 * Files that came in together moved on.
 * @typedef {object} BatchProgress
 * @property {"batch_progress"} type
 * @property {string} batchId
 * @property {number} total files that were announced
 * @property {number} arrived of these
 * @property {number} skipped of those that arrived: there already
 * @property {number} waiting
 * @property {number} processing
 * @property {number} ready
 * @property {number} failed with those that were refused
 * @property {number} refused of those that failed: never taken in
 * @property {number} cancelled
 * @property {number} progress in percent
 * @property {string} message
 */

/**
 * A question moved on.
 * @typedef {object} RagProgress
 * @property {"rag_progress"} type
 * @property {string} queryId
 * @property {"QUEUED" | "STARTED" | "EMBEDDING" | "RETRIEVAL" | "GENERATION" | "COMPLETE" |
 *   "FAILED" | "CANCELLED"} stage
 * @property {string} message
 * @property {number} progress in percent
 * @property {Result} [result] with COMPLETE
 */

/**
 * The answer and its passages. Where they make the event too long, the answer is left out.
 * @typedef {object} Result
 * @property {Source[]} passages
 * @property {string} [answer]
 */

/**
 * Where a passage stands.
 * @typedef {object} Source
 * @property {number} rank
 * @property {string | null} documentId
 * @property {string} documentName
 * @property {number} page
 * @property {number} start in characters of the page
 * @property {number} end
 * @property {number} score
 */

/**
 * A piece of a text that is being written.
 * @typedef {object} MessageChunk
 * @property {"message_chunk"} type
 * @property {string} messageId
 * @property {string} sessionId
 * @property {string} content
 * @property {boolean} isComplete
 * @property {number} contentOffset code points of the message before this piece
 * @property {string} [queryId]
 * @property {number} [blocksFrom] the number of the first of blocks
 * @property {string[]} [blocks] the HTML of the text up to here, from there on
 */

/**
 * A reply in a conversation moved on.
 * @typedef {object} MessageStatus
 * @property {"message_status"} type
 * @property {string} messageId
 * @property {string} sessionId
 * @property {"QUEUED" | "WRITING" | "WAITING" | "COMPLETE" | "FAILED" | "CANCELLED"} status
 * @property {"" | "EMBEDDING" | "RETRIEVAL" | "GENERATION" | "TOOLS"} stage
 * @property {number} progress in percent of what comes before the text
 * @property {string} message
 */

/**
 * A tool that a reply wants to use, uses or has used. Long arguments are left out.
 * @typedef {object} ToolCallChanged
 * @property {"tool_call"} type
 * @property {string} callId
 * @property {string} messageId
 * @property {string} sessionId
 * @property {string} serverName
 * @property {string} name
 * @property {"awaiting_approval" | "approved" | "denied" | "running" | "done" | "failed"} status
 * @property {object} [arguments]
 * @property {string} [reason] why it was denied
 * @property {string} [result] its beginning
 */

/**
 * A conversation is new, was changed or is gone.
 * @typedef {object} ChatSessionChanged
 * @property {"chat_session"} type
 * @property {string} sessionId
 * @property {"CREATED" | "CHANGED" | "DELETED"} status
 * @property {string} title
 */

/**
 * A self-test moved on.
 * @typedef {object} SelfTest
 * @property {"self_test"} type
 * @property {string} testId
 * @property {"QUEUED" | "RUNNING" | "DONE" | "FAILED" | "CANCELLED"} status
 * @property {"" | "OPENING" | "SENDING" | "CUTTING" | "MISSING" | "RESUMING" | "STALE" |
 *   "REVOKING"} stage
 * @property {number} progress in percent
 * @property {string} message
 */

/**
 * A new index moved on.
 * @typedef {object} ReindexProgress
 * @property {"reindex_progress"} type
 * @property {string} reindexId
 * @property {"QUEUED" | "RUNNING" | "DONE" | "FAILED" | "CANCELLED"} status
 * @property {"" | "EMBEDDING" | "INDEXING" | "SWITCHING"} stage
 * @property {number} progress in percent
 * @property {string} message
 */

/**
 * A run on a host moved on, or said something.
 * @typedef {object} McpInstallProgress
 * @property {"mcp_install_progress"} type
 * @property {string} installId
 * @property {"CONNECTING" | "PREPARING" | "EXECUTING" | "VERIFYING" | "COMPLETE" | "FAILED" |
 *   "CANCELLED"} stage
 * @property {number} progress in percent
 * @property {string} message
 * @property {string} [output] with ANSI colours, without secrets
 * @property {number} [outputOffset] code points of the output before this piece
 * @property {string} [error] a code, with FAILED
 */

/**
 * A host is new, was changed or looked at, or is gone.
 * @typedef {object} McpHostChanged
 * @property {"mcp_host"} type
 * @property {string} hostId
 * @property {"CREATED" | "CHANGED" | "DELETED"} status
 */

/**
 * The signed-in session changes.
 * @typedef {object} SessionUpdate
 * @property {"session_update"} type
 * @property {"active" | "expiring_soon" | "extended" | "expired" | "revoked"} status
 * @property {number} expiresIn in seconds
 */

/**
 * A person began to look at a document, or looks at it no longer.
 * @typedef {object} UserActivity
 * @property {"user_activity"} type
 * @property {"viewing_document" | "left_document"} action
 * @property {string} documentId
 * @property {string} userId
 * @property {string} username
 */

// --- Control, from the server ------------------------------------------------------------------

/**
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {string} connectionId
 * @property {string} userId
 * @property {string} username
 * @property {number} heartbeatSeconds
 * @property {number | null} expiresIn in seconds; null for a token that does not expire
 */

/**
 * @typedef {object} Resumed
 * @property {"resumed"} type
 * @property {string} id
 * @property {number} replayed
 */

/**
 * @typedef {object} Resync
 * @property {"resync"} type
 * @property {"epoch" | "trimmed" | "ahead" | "too_many" | "overload"} reason
 * @property {string} id
 * @property {number} [retryAfterMs]
 */

/**
 * @typedef {object} Heartbeat
 * @property {"heartbeat"} type
 * @property {string} id the stream's head
 */

/**
 * @typedef {object} Pong
 * @property {"pong"} type
 */

/**
 * @typedef {object} ErrorFrame
 * @property {"error"} type
 * @property {"invalid" | "rate" | "unavailable" | "not_found" | "too_many"} code
 * @property {string} message
 */

/**
 * @typedef {object} Closing
 * @property {"closing"} type
 * @property {number} code
 * @property {string} reason
 * @property {number} [retryAfterMs]
 */

// --- Control, from the client ------------------------------------------------------------------

/**
 * @typedef {object} Resume
 * @property {"resume"} type
 * @property {string | null} lastEventId
 */

/**
 * @typedef {object} Ack
 * @property {"ack"} type
 * @property {string} id
 */

/**
 * @typedef {object} Ping
 * @property {"ping"} type
 */

/**
 * @typedef {object} Subscribe
 * @property {"subscribe"} type
 * @property {string} topic
 */

/**
 * @typedef {object} Unsubscribe
 * @property {"unsubscribe"} type
 * @property {string} topic
 */

/**
 * @typedef {object} Activity
 * @property {"activity"} type
 * @property {"viewing_document" | "left_document"} action
 * @property {string} documentId
 */

/**
 * @typedef {object} ExtendSession
 * @property {"extend_session"} type
 */
