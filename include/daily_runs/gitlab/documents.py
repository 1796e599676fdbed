"""The GraphQL documents we send, with GitLab's own names (docs/domain.md §3, §4).

Each asks for little and always says `first:`. As GitLab counts complexity (a field is 1 plus its children, a connection
that times 1 + 0.01 × `first`), the dearest scores under 200 at the page size that belongs to it, so that it fits even
the limit of a reader who is not logged in.
"""

from __future__ import annotations

PAGE_SIZE = 100
MESSAGES_PER_QUERY_MAX = 20
VULNERABILITIES_PER_QUERY_MAX = 10
BLOBS_PER_QUERY_MAX = 20

WHOAMI = "query whoami { currentUser { username } queryComplexity { score limit } metadata { version revision } }"

PROJECT_ID = "query projectId($project: ID!) { project(fullPath: $project) { id } }"

JOBS = """
query jobs($project: ID!, $first: Int!, $after: String) {
  project(fullPath: $project) {
    jobs(first: $first, after: $after) {
      nodes { id name status erasedAt }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

JOB_IDS = """
query jobIds($project: ID!, $first: Int!) {
  project(fullPath: $project) {
    jobs(first: $first) { nodes { id } pageInfo { hasNextPage } }
  }
}
"""

ISSUES = """
query issues($project: ID!, $first: Int!, $after: String) {
  project(fullPath: $project) {
    issues(first: $first, after: $after) {
      nodes { id iid title description state }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

VULNERABILITIES = """
query vulnerabilities($project: ID!, $first: Int!, $after: String) {
  project(fullPath: $project) {
    vulnerabilities(first: $first, after: $after) {
      nodes {
        id title state reportType
        location {
          ... on VulnerabilityLocationSast { file startLine }
          ... on VulnerabilityLocationSecretDetection { file startLine }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

BLOBS = """
query blobs($project: ID!, $paths: [String!]!, $first: Int!) {
  project(fullPath: $project) {
    repository { blobs(paths: $paths, first: $first) { nodes { path rawTextBlob } } }
  }
}
"""

AI_ACTION = """
mutation aiAction($input: AiActionInput!) {
  aiAction(input: $input) { requestId threadId errors }
}
"""


def messages(count: int) -> str:
    """A poll for the answers to `count` chat requests; variables `request0`, `thread0`, …, answers under `answer0`, ….

    Each request is looked up in its own thread. Without `threadId`, GitLab looks into the *last* thread of that type
    only, and each question opened a thread of its own, so one look-up for many requests would find only the newest.
    """
    heads = (f"$request{n}: [ID!], $thread{n}: AiConversationThreadID" for n in range(count))
    fields = (
        f"answer{n}: aiMessages(requestIds: $request{n}, threadId: $thread{n}, conversationType: DUO_CHAT, "
        "roles: [ASSISTANT], first: 3) { nodes { content errors } }"
        for n in range(count)
    )
    return f"query aiMessages({', '.join(heads)}) {{ {' '.join(fields)} }}"


def merge_requests(count: int) -> str:
    """The newest merge request of each of `count` vulnerabilities; variables and answers `vulnerability0`, …."""
    heads = (f"$vulnerability{n}: VulnerabilityID!" for n in range(count))
    fields = (
        f"vulnerability{n}: vulnerability(id: $vulnerability{n}) {{ project {{ id }} mergeRequest {{ iid }} }}"
        for n in range(count)
    )
    return f"query mergeRequests({', '.join(heads)}) {{ {' '.join(fields)} }}"
