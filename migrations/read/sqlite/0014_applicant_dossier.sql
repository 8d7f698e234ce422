-- Whose dossier it is, and who acts for them: only of dossiers that somebody follows online.
CREATE TABLE applicant_dossier (
    dossier_id BLOB PRIMARY KEY,
    applicant  BLOB,
    delegate   BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX applicant_dossier_applicant ON applicant_dossier (applicant) WHERE applicant IS NOT NULL;
CREATE INDEX applicant_dossier_delegate ON applicant_dossier (delegate) WHERE delegate IS NOT NULL;
