"""Does a week fit the accounts, what does it cost, what would make it fit."""
