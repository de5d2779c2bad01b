<?php

$_LANG['manage'] = 'Gérer la VM';
$_LANG['start'] = 'Démarrer';
$_LANG['shutdown'] = 'Arrêter';
$_LANG['reboot'] = 'Redémarrer';
$_LANG['name'] = 'Nom';
$_LANG['status'] = 'État';
$_LANG['address'] = 'Adresse IP';
$_LANG['traffic'] = 'Trafic du mois';
$_LANG['in'] = 'entrant';
$_LANG['out'] = 'sortant';
$_LANG['unavailable'] = 'La VM est injoignable pour le moment. Réessayez plus tard.';
$_LANG['forbidden'] = 'Votre offre n’inclut pas cette fonction.';
$_LANG['state_running'] = 'En marche';
$_LANG['state_stopped'] = 'Arrêtée';
$_LANG['state_suspended'] = 'Suspendue';
$_LANG['state_installing'] = 'En cours d’installation';
$_LANG['state_changing'] = 'En cours de modification';
$_LANG['state_removed'] = 'Supprimée';
$_LANG['state_unknown'] = 'Inconnu';
