-- Which of the user's calls in the window GitLab refused first, as counted here: fewer than the limit means that somebody
-- else uses this user, or that the instance allows fewer. Null where it was noted before this was counted.
ALTER TABLE daily_runs.quota_spent_user ADD COLUMN at_call integer CHECK (at_call >= 0);
